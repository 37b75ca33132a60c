"""The wheel, installed where there is no clone: every command that a user begins with."""

import os
import shutil
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import numpy
import pytest
from helpers import ROOT
from packaging.version import Version

NOT_IN_A_CLONE = shutil.ignore_patterns(
    '.*', 'work_dirs', 'data', 'build', '*.egg-info', 'docs'
)
SMALL = [
    'train_cfg.max_rounds=2',
    'train_cfg.warmup_rounds=1',
    'train_cfg.steps_per_round=1',
    'train_cfg.val_interval=2',
    'model.synthesizer.steps=1',
    'model.synthesizer.generator.width=8',
    'custom_hooks.5.images=20',  # pictures of the estimate, QualityHook
]

# Commands in one process, which spares the imports; each run has a name of its own.
DRIVER = """
import sys
from ssdkd.commands.main import run_command
import ssdkd

assert ssdkd.paths.CLONE is None and 'site-packages' in ssdkd.__file__, ssdkd.__file__
small = sys.argv[1:]
name = 'cls/digits_resnet20_resnet8_ssdkd'
run_command('demo', '--cfg-options', 'experiment_name=demo', *small)
run_command('list')
run_command('cp', name, 'mine.py')
run_command('validate', 'mine.py')
run_command('validate', 'digits_resnet20_resnet8', '--method', 'projects/cpnet/cpnet.py')
run_command('train', 'mine.py', '--cfg-options', 'experiment_name=a', *small)
run_command('export', 'mine.py', 'work_dirs/mine/student.pth', '--format', 'torchscript')
run_command('report', 'work_dirs/mine')
run_command('train', 'package/my_plugin/config.py', '--work-dir', 'work_dirs/plugin',
            '--cfg-options', 'experiment_name=b', *small)
run_command('new-plugin', 'writer', 'MyWriter')
run_command('validate', 'projects/my_writer/config.py')
"""
PLUGIN = {
    'pyproject.toml': """\
[project]
name = "my-plugin"
version = "1.0"

[project.entry-points."ssdkd.plugins"]
my_plugin = "my_plugin"

[tool.setuptools]
packages = ["my_plugin"]
""",
    'my_plugin/__init__.py': """\
from ssdkd.registry import SAMPLERS
from ssdkd.samplers import UniformSampler


@SAMPLERS.register_module()
class MyPluginSampler(UniformSampler):
    '''Draws every slot equally often.'''
""",
    'my_plugin/config.py': """\
_base_ = 'ssdkd::cls/digits_resnet20_resnet8_ssdkd.py'
model = dict(sampler=dict(_delete_=True, type='MyPluginSampler'))
""",
}


class Installed:
    """An environment with the wheel alone, beside the libraries of this one.

    Args:
        folder (Path): Where the environment and the user's files go.
    """

    def __init__(self, folder: Path):
        self.bin, self.home = folder / 'env/bin', folder / 'home'
        self.home.mkdir()
        venv.create(folder / 'env', with_pip=False)
        (site,) = (folder / 'env').glob('lib/python*/site-packages')
        # As a line of a .pth file, so that an editable ssdkd in there is not found.
        (site / 'libraries.pth').write_text(str(Path(numpy.__file__).parents[1]))

    def run(self, *line: str) -> str:
        env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
        done = subprocess.run(
            list(map(str, line)),
            cwd=self.home,
            env=env | dict(OMP_NUM_THREADS='1'),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f'{line}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}'
        return done.stdout

    def ssdkd(self, *line: str) -> str:
        return self.run(self.bin / 'ssdkd', *line)

    def install(self, source: Path) -> None:
        """Build a wheel of a folder, and install it."""
        pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '-q']
        here = (
            ['--no-build-isolation'] if Version(version('setuptools')) >= Version('77') else []
        )
        wheels = source / 'wheels'
        self.run(*pip, 'wheel', '--no-deps', *here, '-w', wheels, source)
        (wheel,) = wheels.iterdir()
        target = [
            '--python',
            self.bin / 'python',
            'install',
            '--no-deps',
            '--no-index',
            '--no-compile',
        ]
        self.run(*pip, *target, wheel)


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """The wheel of this tree, installed."""
    folder = tmp_path_factory.mktemp('wheel')
    shutil.copytree(ROOT, folder / 'source', ignore=NOT_IN_A_CLONE)
    installed = Installed(folder)
    installed.install(folder / 'source')
    shutil.rmtree(folder / 'source')
    return installed


def test_it_brings_configs_and_tools(installed):
    (mim,) = (installed.bin.parent / 'lib').glob('python*/site-packages/ssdkd/.mim')
    for folder in ('configs', 'tools'):
        here = {p.relative_to(ROOT) for p in (ROOT / folder).rglob('*') if p.suffix != '.pyc'}
        there = {p.relative_to(mim) for p in (mim / folder).rglob('*')}
        assert here - there <= {p for p in here if p.name == '__pycache__'}
        assert there <= here
    assert (mim / 'model-index.yml').is_file() and (mim.parent / 'py.typed').is_file()


def test_every_command_works_without_a_clone(installed):
    home = installed.home
    assert 'train-teacher' in installed.ssdkd('--help')
    whole = installed.ssdkd('show', 'cls/digits_resnet20_resnet8_ssdkd')
    assert "type='PrioritySampler'" in whole
    epoch = ['--cfg-options', 'train_cfg.max_epochs=1', 'train_dataloader.dataset.split=val']
    installed.ssdkd(
        'train-teacher',
        'teachers/digits_resnet20',
        '--work-dir',
        'work_dirs/digits_resnet20',
        *epoch,
    )
    for file, text in PLUGIN.items():
        path = home / 'package' / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    installed.install(home / 'package')
    said = installed.run(installed.bin / 'python', '-c', DRIVER, *SMALL)
    assert 'report: work_dirs/demo/report.html' in said.splitlines()
    assert "plugin 'my_plugin' (my_plugin, of my-plugin 1.0) loaded" in said
    assert 'MyPluginSampler' in (home / 'work_dirs/plugin/config.py').read_text()
    left = (
        'mine/student.pth',
        'mine/student.torchscript.pt',
        'mine/report.html',
        'plugin/student.pth',
    )
    assert all((home / 'work_dirs' / file).is_file() for file in left)
