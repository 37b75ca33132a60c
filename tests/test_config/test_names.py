"""Shipped configs by name: on the command line, and as the base of a file anywhere."""

import subprocess
import sys
from argparse import Namespace

import pytest
import yaml
from helpers import DIGITS, ROOT, environment
from mmengine.config import Config

from ssdkd.apis import load_config
from ssdkd.config.names import complete_config, find_config, parts, shipped_configs, summary
from ssdkd.errors import ConfigError
from ssdkd.paths import CONFIGS

NAME = 'cls/digits_resnet20_resnet8_ssdkd'
INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text())


@pytest.mark.parametrize(
    'name', [NAME, f'{NAME}.py', f'ssdkd::{NAME}', f'configs/{NAME}.py', str(DIGITS)]
)
def test_a_name_is_a_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == DIGITS


def test_a_path_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / f'{NAME}.py'
    mine.parent.mkdir()
    mine.touch()
    assert find_config(f'{NAME}.py').resolve() == mine
    assert find_config(f'ssdkd::{NAME}') == DIGITS


@pytest.mark.parametrize(
    'name, message',
    [
        ('cls/digits_resnet20_resnet9_ssdkd', f'did you mean .*{NAME}'),
        ('ssdkd::nothing/of_the_kind', "'ssdkd list configs' names the shipped ones"),
        ('../README.md', 'there is no config'),
        ('cls', 'there is no config'),
    ],
)
def test_other_names(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        find_config(name)


def test_every_shipped_config_can_be_named():
    names = shipped_configs()
    assert len(names) > 20 and NAME in names
    assert all(find_config(name) == path for name, path in names.items())
    assert all(summary(path) for path in names.values())
    assert not any(name.startswith('_base_') for name in names)


def test_tab_completes_names_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'classes').mkdir()
    (tmp_path / 'cls_mine.py').touch()
    (tmp_path / 'cls_mine.pth').touch()
    assert complete_config('cls/digits_resnet20_resnet8_s') == [NAME]
    assert {NAME, 'classes/', 'cls_mine.py'} <= set(complete_config('cl'))
    assert 'cls_mine.pth' not in complete_config('cl')


@pytest.fixture
def user_config(tmp_path, monkeypatch):
    """Write a config of a user's, who has no clone -> its arguments."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Namespace:
        (tmp_path / 'mine.py').write_text(text)
        return Namespace(config='mine.py', cfg_options=None)

    return write


def test_a_name_is_a_base(user_config):
    args = user_config(
        f"_base_ = 'ssdkd::{NAME}'\nmodel = dict(batch_size=32, student=_base_.teacher)\n"
    )
    cfg, base = load_config(args), Config.fromfile(DIGITS)
    assert cfg.model.batch_size == 32
    assert cfg.model.student.to_dict() == dict(base.student.to_dict(), **base.teacher.to_dict())
    base.model.update(cfg.model)
    assert cfg.model == base.model and cfg.work_dir == 'work_dirs/mine'


def test_parts_are_bases_too(user_config):
    args = user_config(
        "_base_ = ['ssdkd::_base_/pairs/digits_resnet20_resnet8.py', "
        "'ssdkd::_base_/methods/ssdkd_cpu', 'ssdkd::_base_/schedules/cpu', "
        "'ssdkd::_base_/default_runtime']\n"
        'model = dict(teacher=_base_.teacher, student=_base_.student)\n'
    )
    assert load_config(args).model.teacher.model.depth == 20


@pytest.mark.parametrize(
    'change, message',
    [
        ("sampler=dict(type='PrioritySamplr')", "unknown type 'PrioritySamplr'; did you mean"),
        ('buffer=dict(capcity=8)', r"unknown key 'capcity'; did you mean capacity\?$"),
        # A new type keeps the keys of the one that it replaces.
        ("sampler=dict(type='UniformSampler')", 'PrioritySampler; .* _delete_=True'),
        # A dict that is read from the base would have mmengine's mark of another package.
        (
            'sampler=dict(_base_.model.sampler, alpa=1)',
            "unknown key 'alpa'; did you mean alpha",
        ),
        ("sampler=dict(_base_.model.sampler, type='Prio')", "unknown type 'Prio'"),
    ],
)
def test_misspelt_words_over_a_named_base(user_config, change, message):
    args = user_config(f"_base_ = 'ssdkd::{NAME}'\nmodel = dict({change})\n")
    with pytest.raises(ConfigError, match=message):
        load_config(args)


@pytest.mark.parametrize(
    'base, message',
    [
        ('ssdkd::cls/digits_resnet20_resnet9_ssdkd.py', rf'did you mean ssdkd::{NAME}\.py\?'),
        ('ssdkd::_base_/schedules/cpuu.py', r'mean ssdkd::_base_/schedules/cpu\.py\?'),
        ('./mime.py', r"there is no file '/.*mime\.py'; did you mean mine\.py\?"),
        ('mmsegg::a/b.py', "no package 'mmsegg' has configs; did you mean mmseg"),
    ],
)
def test_a_misspelt_base(user_config, base, message):
    args = user_config(f"_base_ = '{base}'\n")
    with pytest.raises(ConfigError, match=f"config 'mine.py': .*{message}"):
        load_config(args)


def test_a_misspelt_file(user_config):
    user_config('')
    with pytest.raises(ConfigError, match=r"no config 'mime\.py'; did you mean mine\.py\?"):
        find_config('mime.py')


@pytest.mark.parametrize('first', ['ssdkd', 'mmengine.config'])
def test_mmengine_alone_reads_such_a_file(user_config, first, tmp_path):
    user_config(f"_base_ = 'ssdkd::{NAME}'\n")
    code = (
        f'import {first}, ssdkd, sys\n'
        "from mmengine.config import Config; print(Config.fromfile('mine.py').num_classes)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ['10', 'False'], done.stderr


def test_mim_finds_every_config_that_has_a_name_of_its_own():
    listed = [model['Config'] for model in INDEX['Models']]
    expected = [path for room in ('cls', 'seg') for path in (CONFIGS / room).glob('*.py')]
    assert sorted(listed) == sorted(str(path.relative_to(ROOT)) for path in expected)


def test_methods_within_a_budget_are_no_methods():
    assert {'ssdkd', 'ssdkd_paper', 'fast2'} <= parts('methods').keys()
    inner = (
        'ssdkd_cpu',
        'ssdkd_minutes',
        'ssdkd_seg',
        'ssdkd_imagenet',
        'teacher',
        'with_store',
    )
    assert not parts('methods').keys() & set(inner)
    assert list(parts('schedules')) == ['cpu', 'minutes', 'published']
