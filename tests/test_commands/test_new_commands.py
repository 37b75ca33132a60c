"""list, show, cp, validate, doctor and demo, which have no script in tools/."""

import re
from argparse import Namespace

import pytest
from helpers import DIGITS, NO_VAL, TINY, as_options, save_teacher
from mmengine.config import Config

from ssdkd.apis import load_config
from ssdkd.apis.validate import validate
from ssdkd.commands import demo, doctor
from ssdkd.commands.ending import command
from ssdkd.commands.main import run_command
from ssdkd.config.copy import copied_text
from ssdkd.config.names import shipped_configs
from ssdkd.errors import ConfigError

NAME = 'cls/digits_resnet20_resnet8_ssdkd'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user's folder, without a clone, with a teacher where the digits config expects it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / demo.TEACHER).parent.mkdir(parents=True)
    save_teacher(dict(type='CifarResNet', depth=8), tmp_path / demo.TEACHER, image_size=16)
    return tmp_path


def status_of(*line: str) -> int:
    try:
        command(run_command)(*map(str, line))
    except SystemExit as end:
        return end.code
    return 0


def test_list(capsys):
    run_command('list')
    said = capsys.readouterr().out
    assert re.search(f'^  {NAME} .*ResNet-20 -> ResNet-8', said, re.M)
    assert re.search('^  PrioritySampler ', said, re.M)
    run_command('list', 'configs')
    assert 'PrioritySampler' not in capsys.readouterr().out
    run_command('list', 'components')
    assert NAME not in capsys.readouterr().out


def test_show_prints_a_config_that_runs_by_itself(folder, capsys):
    run_command('show', NAME, '--cfg-options', 'model.batch_size=48')
    (folder / 'whole.py').write_text(capsys.readouterr().out)
    whole, expected = Config.fromfile('whole.py'), Config.fromfile(DIGITS)
    expected.model.batch_size = 48
    expected.pop('by_budget')  # for compositions; what is shown is one
    assert whole.to_dict() == expected.to_dict()
    assert '_base_' not in (folder / 'whole.py').read_text()


@pytest.mark.parametrize(
    'name', [n for n in shipped_configs() if n[:3] in ('cls', 'seg', 'tea')]
)
def test_copies_are_what_they_are_copies_of(name, folder):
    path = shipped_configs()[name]
    (folder / 'copy.py').write_text(copied_text(path))
    assert Config.fromfile('copy.py').to_dict() == Config.fromfile(path).to_dict()


def test_a_copy_keeps_the_text(folder, capsys):
    run_command('cp', NAME, 'new/mine.py')
    assert capsys.readouterr().out == 'new/mine.py\n'
    ours, copy = DIGITS.read_text().splitlines(), (folder / 'new/mine.py').read_text()
    assert set(ours) - set(copy.splitlines()) == {line for line in ours if "'../" in line}
    run_command('cp', 'new/mine.py', '.')  # a copy of a copy, into a folder
    assert (folder / 'mine.py').read_text() == copy


def test_a_copy_of_a_users_config_finds_its_base(folder):
    (folder / 'base.py').write_text('a = 1\n')
    (folder / 'mine.py').write_text("# before\n_base_ = 'base.py'\nb = 2  # after\n")
    run_command('cp', 'mine.py', 'far/away.py')
    assert Config.fromfile('far/away.py').to_dict() == dict(a=1, b=2)
    assert (folder / 'far/away.py').read_text().endswith('b = 2  # after\n')


@pytest.mark.parametrize(
    'file, message',
    [('mine.txt', 'must end in .py'), ('there.py', 'exists already'), ('.', 'exists already')],
)
def test_a_copy_overwrites_nothing(file, message, folder, capsys):
    (folder / 'there.py').write_text('mine')
    (folder / DIGITS.name).write_text('mine')
    assert status_of('cp', NAME, file) == 2
    assert message in capsys.readouterr().err
    assert (folder / 'there.py').read_text() == 'mine'


def tiny(**more: object) -> list[str]:
    return ['--cfg-options', *as_options(TINY | more)]


def test_validate(folder, capsys):
    assert status_of('validate', NAME, *tiny()) == 0
    assert capsys.readouterr().out.endswith(f'{NAME}: the config is right\n')
    left = sorted(path.name for path in folder.rglob('*.*'))
    assert left == ['teacher.pth'], 'it writes nothing'


def test_validate_names_images_of_another_size(folder, capsys):
    assert status_of('validate', NAME, *tiny(**{'val_dataloader.dataset.image_size': 20})) == 0
    said = 'val_dataloader: its images have 20x20 pixels, and the synthetic ones 16x16'
    assert said in capsys.readouterr().out


def test_validate_shows_warnings_once(folder, capsys):
    options = {
        'model.synthesizer.generator': dict(
            _delete_=True, type='DCGANGenerator', image_size=72, width=4, latent_dim=8
        )
    }
    assert status_of('validate', NAME, *tiny(**options)) == 0
    said = capsys.readouterr().out
    assert said.count('DCGANGenerator is for images of up to 64 pixels, and image_size is') == 1
    assert said.count('val_dataloader: its images have 16x16') == 1
    assert 'FileClient' not in said and 'INFO' not in said


def test_validate_without_the_files(folder, capsys):
    (folder / demo.TEACHER).unlink()
    options = {
        'val_dataloader.dataset._delete_': True,
        'val_dataloader.dataset.type': 'ImageFolder',
        'val_dataloader.dataset.root': 'nowhere',
    }
    assert status_of('validate', NAME, *tiny(**options)) == 1
    said = capsys.readouterr()
    assert "model.teacher.checkpoint: there is no file 'work_dirs/digits" in said.err
    assert "val_dataloader.dataset.root: there is neither 'nowhere' nor " in said.err
    assert 'the config is right, the files above are missing' in said.out


@pytest.mark.parametrize(
    'options, message',
    [
        ({'model.bufer.capacity': 8}, "unknown key 'bufer'"),
        ({'model.buffer.capacity': 8}, 'model.buffer.capacity=8 is smaller than'),
        ({'model.student.model.num_classes': 7}, 'num_classes'),
        ({'val_dataloader.dataset.image_size': 0}, 'image_size'),
        ({'optim_wrapper.student.optimizer.lr': -1}, 'lr'),
    ],
)
def test_validate_a_wrong_config(options, message, capsys):
    assert status_of('validate', NAME, *tiny(**options)) == 2
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith('error: ') and message in said.err


def test_validate_goes_as_far_as_the_first_step(tiny_cfg, monkeypatch):
    """What the loop looks at before it trains, such as the memory, is looked at."""
    checked = []
    monkeypatch.setattr('ssdkd.engine.loop.check_memory', checked.append)
    assert validate(tiny_cfg) == [] and checked


@pytest.fixture
def tiny_cfg():
    options = TINY | NO_VAL | {'model.synthesizer.steps': 2}
    options = {k: v for k, v in options.items() if 'dataset' not in k}
    return load_config(Namespace(config=NAME, cfg_options=options))


def test_validate_a_teacher(capsys):
    assert status_of('validate', 'teachers/digits_resnet20') == 0
    wrong = ['--cfg-options', 'model.network.model.num_classes=7']
    assert status_of('validate', 'teachers/digits_resnet20', *wrong) == 2
    assert status_of('validate', 'cifar10_resnet34_resnet18', '--method', 'teacher') == 1
    assert (
        "train_dataloader.dataset.root: there is neither 'data/cifar'"
        in capsys.readouterr().err
    )


def test_doctor(capsys, monkeypatch):
    find_spec = doctor.importlib.util.find_spec
    monkeypatch.setattr(
        doctor.importlib.util,
        'find_spec',
        lambda name: None if name == 'onnxscript' else find_spec(name),
    )
    run_command('doctor')
    said = capsys.readouterr().out
    for word in ('torch ', 'mmengine', 'accelerator', 'threads', 'free disk', 'shims'):
        assert re.search(f'^ *{word}', said, re.M), word
    assert "export                 onnxscript missing; pip install 'ssdkd[export]'" in said


def test_demo(folder, capsys):
    (folder / 'work_dirs/demo').mkdir()
    (folder / 'work_dirs/demo/mine').touch()
    run_command('demo', *tiny(**{'train_cfg.max_rounds': 2}))
    said = capsys.readouterr().out
    assert 'Teacher: using work_dirs/digits_resnet20/teacher.pth' in said
    assert said.splitlines()[-1] == 'report: work_dirs/demo/report.html'
    assert (folder / 'work_dirs/demo/report.html').is_file()
    assert list((folder / 'work_dirs/demo/test').iterdir())
    assert not (folder / 'work_dirs/demo/mine').exists()
    with pytest.raises(ConfigError, match='choose another --work-dir'):
        run_command('demo', '--work-dir', 'work_dirs/demo/..//demo', *tiny())
