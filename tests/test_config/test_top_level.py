"""Names at the top level of a config: keys, variables, and misspelt ones."""

import inspect
from argparse import Namespace

import pytest
from helpers import ROOT
from mmengine.runner import Runner

from ssdkd.apis import load_config
from ssdkd.config.names import shipped_configs
from ssdkd.config.top_level import KEYS
from ssdkd.errors import ConfigError

CONFIG = 'cls/digits_resnet20_resnet8_ssdkd'
PAIR = 'digits_resnet20_resnet8'
DATA = "_base_ = 'ssdkd::_base_/datasets/digits.py'\n"
BASE = f"_base_ = 'ssdkd::{CONFIG}.py'\n"
NETWORKS = (ROOT / f'configs/_base_/pairs/{PAIR}.py').read_text().partition('num_classes')
NETWORKS = ''.join(NETWORKS[1:])


def load(name, options=None):
    return load_config(Namespace(config=str(name), cfg_options=options))


def written(folder, text):
    path = folder / 'mine.py'
    path.write_text(text)
    return path


def test_every_key_of_the_runner_is_known():
    parameters = set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'}
    assert parameters <= set(KEYS)


@pytest.mark.parametrize('name', [CONFIG, PAIR])
@pytest.mark.parametrize(
    'option, hint',
    [
        ('trian_cfg.max_rounds', "no key 'trian_cfg'; did you mean train_cfg?"),
        ('max_rounds', 'did you mean train_cfg.max_rounds?'),
        ('imagesize', 'model.synthesizer.generator.image_size?'),
        ('default_hook.checkpoint.interval', 'did you mean default_hooks?'),
        ('qqq.x', "no key 'qqq'; ssdkd show prints all"),
    ],
)
def test_options_of_no_key(name, option, hint):
    with pytest.raises(ConfigError) as error:
        load(name, {option: 3})
    assert str(error.value).startswith(f'--cfg-options {option}: ') and hint in str(error.value)


@pytest.mark.parametrize('key', ['load_from', 'sync_bn', 'experiment_name', 'work_dir'])
def test_options_of_keys_that_the_file_does_not_have(key):
    assert load(CONFIG, {key: 'torch'})[key] == 'torch'


def test_an_option_of_a_variable_changes_nothing_that_was_computed(capsys):
    cfg = load(CONFIG, {'num_classes': 7})
    assert cfg.model.task.num_classes == 10
    assert capsys.readouterr().err == (
        "warning: --cfg-options num_classes: 'num_classes' is a variable of the config file; "
        'what was computed from it stays as it is; change model.task.num_classes or '
        'model.teacher.model.num_classes or model.student.model.num_classes\n'
    )


@pytest.mark.parametrize(
    'text, hint',
    [
        (f'{BASE}trian_cfg = dict(max_rounds=3)', "nothing reads 'trian_cfg'.* train_cfg?"),
        (f'{BASE}optim_wraper = dict()', 'did you mean optim_wrapper?'),
        (f'{DATA}{NETWORKS}imagesize = 16', "nothing reads 'imagesize'.* mean image_size?"),
        (f'{DATA}{NETWORKS}val_dataloder = None', 'did you mean val_dataloader?'),
        (f'{DATA}{NETWORKS}train_cfg = dict()', r'a pair.*settings = dict\(train_cfg=...\)'),
        (f'{DATA}{NETWORKS}custom_imports = dict()', r'settings = dict\(custom_imports'),
    ],
)
def test_misspelt_keys_of_a_file(text, hint, tmp_path):
    with pytest.raises(ConfigError, match=hint):
        load(written(tmp_path, text))


@pytest.mark.parametrize('kind', ['methods', 'schedules'])
def test_misspelt_keys_of_a_method_and_of_a_budget(kind, tmp_path):
    name = {'methods': 'fast2', 'schedules': 'minutes'}[kind]
    base = f"_base_ = 'ssdkd::_base_/{kind}/{name}.py'\n"
    path = written(tmp_path, f'{base}param_schedulers = dict()\n')
    key = {'methods': 'method', 'schedules': 'budget'}[kind]
    with pytest.raises(ConfigError, match="'param_schedulers'; did you mean param_scheduler"):
        load_config(Namespace(config=PAIR, cfg_options=None, **{key: str(path)}))


def test_variables_of_a_file(tmp_path, capsys):
    """Also with the name of nearly a key, if something uses it."""
    text = f'{BASE}rounds = 7\ntrain_cfgs = dict(max_rounds=rounds)\ntrain_cfg = train_cfgs\n'
    text += "author = 'me'\n_models = 3\n"
    assert load(written(tmp_path, text)).train_cfg.max_rounds == 7
    assert capsys.readouterr().err == ''


def test_a_variable_of_the_base(tmp_path, capsys):
    load(written(tmp_path, f'{BASE}num_classes = 7\n'))
    assert "'num_classes' is a variable of its base" in capsys.readouterr().err
    used = f'{BASE}num_classes = 10\nmodel = dict(task=dict(num_classes=num_classes))\n'
    load(written(tmp_path, used))
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('name', [n for n in shipped_configs() if n.startswith(('cls', 'seg'))])
def test_flat_copies_keep_the_variables(name, tmp_path, capsys):
    cfg = load(name)
    cfg.dump(tmp_path / 'flat.py')
    assert load(tmp_path / 'flat.py').model == cfg.model
    assert capsys.readouterr().err == ''
