"""The wheel also has what lies beside the package; everything else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Copies configs, tools and projects into ``ssdkd/.mim``, where ``mim`` and ``ssdkd`` look.

    An editable installation has them in the clone.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, 'ssdkd/.mim')
        shutil.rmtree(target, ignore_errors=True)
        for name in ('configs', 'tools', 'projects'):
            ignored = shutil.ignore_patterns('__pycache__', 'test_*.py')
            shutil.copytree(name, target / name, ignore=ignored)
        shutil.copy('model-index.yml', target)


setup(cmdclass=dict(build_py=BuildWithConfigs))
