"""The projects train, and what new_plugin.py writes is green at once."""

import runpy
import sys

import pytest
from helpers import ROOT, TINY, as_options, call_tool, save_teacher, unregistered

from ssdkd.commands import new_plugin

KINDS = sorted(path.stem for path in new_plugin.TEMPLATES.glob('*.py'))
PROJECTS = sorted(path.parent.name for path in (ROOT / 'projects').glob('*/config.py'))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder to make plugins in, of which no trace stays."""
    monkeypatch.chdir(tmp_path)
    with unregistered():
        sys.path.insert(0, str(tmp_path))
        yield tmp_path


def train(config, folder, kind):
    teacher = folder / 'teacher.pth'
    save_teacher(dict(type='CifarResNet', depth=8), teacher, image_size=16)
    options = TINY | {'model.teacher.checkpoint': teacher, 'train_cfg.max_rounds': 2}
    if kind == 'synthesizer':
        for key in [key for key in options if key.startswith('model.synthesizer.')]:
            del options[key]
        options |= {'model.synthesizer.image_size': 16, 'model.synthesizer.samples': 16}
    call_tool(
        'train.py',
        config,
        '--work-dir',
        folder / 'run',
        '--cfg-options',
        *as_options(options),
    )
    assert (folder / 'run/student.pth').is_file()


@pytest.mark.parametrize('project', PROJECTS)
def test_projects_train(project, tmp_path):
    folder = ROOT / 'projects' / project
    assert (folder / 'README.md').is_file() and list(folder.glob('test_*.py'))
    train(folder / 'config.py', tmp_path, None)


@pytest.mark.parametrize('kind', KINDS)
def test_new_plugins_are_green(kind, folder):
    call_tool('new_plugin.py', kind, 'MyHTTPPart')
    made = folder / 'projects/my_http_part'
    assert {path.name for path in made.iterdir()} == {
        f'{kind}.py',
        'config.py',
        'test_my_http_part.py',
        'README.md',
    }
    runpy.run_path(made / 'test_my_http_part.py')['test_contract']()
    train(made / 'config.py', folder, kind)


def test_every_kind_has_a_template():
    assert sorted(new_plugin.KINDS) == KINDS


@pytest.mark.parametrize(
    'name, message',
    [
        ('mySampler', 'must be that of a class'),
        ('My-Sampler', 'must be that of a class'),
        ('UniformSampler', "'UniformSampler' is taken by a sampler"),
        ('ThereAlready', "'projects/there_already' exists already"),
    ],
)
def test_names_that_will_not_do(name, message, folder, capfd):
    (folder / 'projects/there_already').mkdir(parents=True)
    with pytest.raises(SystemExit):
        call_tool('new_plugin.py', 'sampler', name)
    assert message in capfd.readouterr().err
