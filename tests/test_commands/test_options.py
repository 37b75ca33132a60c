"""Values of --cfg-options, and options that the config has already."""

import argparse

import pytest
from mmengine.config import Config

from ssdkd.apis import load_config
from ssdkd.commands.options import add_cfg_options, key_values
from ssdkd.commands.train import add_tensorboard
from ssdkd.config.read import read_config
from ssdkd.errors import ConfigError

PAIR = 'digits_resnet20_resnet8'


@pytest.mark.parametrize(
    ('text', 'want'),
    [
        ("{'capacity': 100}", {'capacity': 100}),
        ('{"capacity": 100, "a": None}', {'capacity': 100, 'a': None}),
        ('dict(capacity=100, part=dict(a=[1, dict(b=-2)]))',
         {'capacity': 100, 'part': {'a': [1, {'b': -2}]}}),
        (" {'a': {'b': (1, 2.5)}}", {'a': {'b': (1, 2.5)}}),
        ("[{'type': 'A'}, dict(type='B')]", [{'type': 'A'}, {'type': 'B'}]),
        ("(dict(type='A'),)", ({'type': 'A'},)),
        ('(1,dict(b=2))', (1, {'b': 2})),
        ('1,dict(a=1,b=2)', [1, {'a': 1, 'b': 2}]),
        ("{'a': 1}, dict(b=[1,2])", [{'a': 1}, {'b': [1, 2]}]),
        ('{}', {}),
        ('(1,2)', (1, 2)),
        ('runs/a(1,2)', 'runs/a(1,2)'),
        ('runs/a(1', 'runs/a(1'),
        ('round_{}.pth,{{a}}', ['round_{}.pth', '{{a}}']),
        ('[1,2]', [1, 2]),
        ('1,a', [1, 'a']),
        ('text', 'text'),
        ('{{fileDirname}}/a', '{{fileDirname}}/a'),
        ('dictionary', 'dictionary'),
    ],
)  # fmt: skip
def test_values(text, want):
    assert key_values(['a=1', f'model.part={text}', 'b=2']) == {
        'a': 1,
        'model.part': want,
        'b': 2,
    }


@pytest.mark.parametrize(
    'text', ['{a: 1}', '{"a": 1', 'dict(1)', '{"a": open("f")}', 'dict(**a)', "{**{'a': 1}}"]
)
def test_what_is_no_dict(text, capsys):
    parser = argparse.ArgumentParser()
    add_cfg_options(parser)
    with pytest.raises(SystemExit) as status:
        parser.parse_args(['--cfg-options', f'model.buffer={text}'])
    assert status.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"--cfg-options: 'model.buffer={text}' is no dict of Python; write" in last
    assert last.endswith('or model.buffer.a=1')


def test_a_dict_is_merged_into_the_one_of_the_config():
    options = key_values(["model.buffer={'capacity': 100}", 'randomness=dict(seed=3)'])
    cfg, before = read_config(PAIR, options), read_config(PAIR)
    assert cfg.model.buffer == {**before.model.buffer, 'capacity': 100}
    assert cfg.randomness.seed == 3
    options = key_values(["model.sampler={'_delete_': True, 'type': 'UniformSampler'}"])
    assert read_config(PAIR, options).model.sampler == dict(type='UniformSampler')
    options = key_values(["model.augment.0={'a': 1}"])
    assert read_config(PAIR, options).model.augment[0].a == 1


def test_an_option_below_text_is_refused():
    with pytest.raises(ConfigError, match='--cfg-options: .* must name a dict'):
        read_config(PAIR, {'model.buffer': 'text', 'model.buffer.capacity': 3})


def test_delete_without_something_to_delete(tmp_path):
    whole = read_config(PAIR)
    whole.model.sampler = dict(_delete_=True, type='UniformSampler')
    whole.model.augment[0]['_delete_'] = True
    whole.dump(tmp_path / 'mine.py')
    assert '_delete_' in (tmp_path / 'mine.py').read_text()
    args = argparse.Namespace(config=str(tmp_path / 'mine.py'), cfg_options=None)
    cfg = load_config(args)
    assert '_delete_' not in cfg.pretty_text
    assert cfg.model.sampler == dict(type='UniformSampler')


@pytest.mark.parametrize(
    'visualizer',
    [
        None,
        dict(type='Visualizer'),
        dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]),
        dict(
            type='Visualizer', vis_backends=[dict(type='TensorboardVisBackend', save_dir='a')]
        ),
        dict(type='Visualizer', vis_backends=[dict(type='mmengine.TensorboardVisBackend')]),
    ],
)
def test_tensorboard_is_there_once(visualizer):
    cfg = Config(dict(visualizer=visualizer))
    before = list((visualizer or {}).get('vis_backends') or [])
    add_tensorboard(cfg)
    add_tensorboard(cfg)
    names = [backend.type for backend in cfg.visualizer.vis_backends]
    assert sum('Tensorboard' in name for name in names) == 1
    assert cfg.visualizer.vis_backends[: len(before)] == before
    assert cfg.visualizer.type == 'Visualizer'
