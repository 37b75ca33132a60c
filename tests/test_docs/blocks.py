"""The code blocks of a Markdown file, as their reader uses them."""

import os
import re
import subprocess
import sys
from pathlib import Path

from helpers import ROOT, TINY, as_options, environment, save_teacher

BLOCK = re.compile(
    r'(?:`(?P<file>[\w/.]+)`:\n\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$', re.M | re.S
)

# Stands for `ssdkd`: it makes the runs of `ssdkd train` tiny and is otherwise the same.
SSDKD = """\
#!{python}
import os
import sys

argv = sys.argv[1:]
if argv[0] == 'train':
    at = argv.index('--cfg-options') if '--cfg-options' in argv else len(argv)
    given = argv[at + 1 :]
    argv[at:] = ['--cfg-options', *{options!r}, *given]
os.execv({python!r}, [{python!r}, '-m', 'ssdkd', *argv])
"""
PYTHON = """\
#!/bin/sh
exec {python} "$@"
"""
PIP = """\
#!/bin/sh
shift
exec {python} -m pip install --no-index --disable-pip-version-check --target {site} "$@"
"""


def blocks(path: Path) -> list[tuple[str | None, str, str]]:
    """File that the text names above the block (or None), language, and code of each block."""
    return [(m['file'], m['language'], m['code']) for m in BLOCK.finditer(path.read_text())]


class Desk:
    """A user's folder, in which files and commands of a text work.

    Args:
        folder (Path): An empty folder.
        options (dict, optional): Config values of all runs of ``ssdkd train``.
    """

    def __init__(self, folder: Path, options: dict | None = None):
        self.folder = folder
        teacher = folder / 'work_dirs/digits_resnet20/teacher.pth'
        teacher.parent.mkdir(parents=True)
        save_teacher(dict(type='CifarResNet', depth=8), teacher, image_size=16)
        self.site = folder / 'site'
        self.site.mkdir()
        if options is None:
            options = TINY | {'train_cfg.max_rounds': 2}
            del options['model.synthesizer.losses.bn.momentum']
        values = dict(python=sys.executable, site=self.site, options=as_options(options))
        for name, text in (('ssdkd', SSDKD), ('python', PYTHON), ('pip', PIP)):
            script = folder / 'bin' / name
            script.parent.mkdir(exist_ok=True)
            script.write_text(text.format(**values))
            script.chmod(0o755)

    def write(self, file: str, code: str) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)

    def run(self, *command: str) -> str:
        """Run a command, which must succeed -> its output and errors."""
        path = f'{self.folder / "bin"}{os.pathsep}{os.environ["PATH"]}'
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=dict(environment(), PATH=path, PYTHONPATH=f'{self.site}{os.pathsep}{ROOT}'),
            capture_output=True,
            text=True,
            timeout=300,
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, f'{" ".join(command)}\n{output[-3000:]}'
        return output

    def bash(self, code: str) -> str:
        return self.run('bash', '-e', '-c', code)
