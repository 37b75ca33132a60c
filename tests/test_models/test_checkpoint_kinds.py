"""Checkpoints as other libraries and training scripts write them."""

import json
import logging

import pytest
import torch
from mmengine.logging import MMLogger
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrize, prune

import ssdkd  # noqa: F401  (before torchvision, which needs its shims)
from ssdkd.apis import build_network
from ssdkd.errors import ConfigError
from ssdkd.models import Network, load_weights


class Net(nn.Module):
    """A network whose own layers have the names of wrappers."""

    def __init__(self):
        super().__init__()
        self.model = nn.Conv2d(3, 4, 3)
        self.backbone = nn.Sequential(nn.BatchNorm2d(4), nn.Linear(4, 10))


def random_state() -> dict[str, torch.Tensor]:
    return {k: torch.rand(v.shape).to(v) for k, v in Net().state_dict().items()}


@pytest.fixture
def log(caplog):
    MMLogger.get_instance('test_checkpoint_kinds')
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO)
    yield lambda: [record.getMessage() for record in caplog.records]
    logger.removeHandler(caplog.handler)


def check_loads(content, path, state, **kwargs) -> None:
    torch.save(content, path)
    model = Net()
    load_weights(model, path, **kwargs)
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize(
    'prefix',
    [
        'module.',
        '_orig_mod.',
        'model.',
        'net.',
        'backbone.',
        'network.',
        'module._orig_mod.',
        '_orig_mod.module.',
        'module.model.backbone.',
        'net.net.',
    ],
)
def test_prefixes(tmp_path, prefix):
    state = random_state()
    content = {prefix + key: value for key, value in state.items()}
    check_loads(content, tmp_path / 'weights.pth', state)


@pytest.mark.parametrize(
    'prefix',
    [
        'encoder.',
        '_forward_module.',
        'ema_model.',
        'a.b.',
        'module.encoder.',
        'encoder.model.',
        'backbone.resnet.backbone.',
        '_orig_mod.learner._orig_mod.0.',
    ],
)
def test_any_prefix_of_all_keys(tmp_path, log, prefix):
    state, path = random_state(), tmp_path / 'a.pth'
    del state['backbone.0.num_batches_tracked']  # as in old files
    content = {prefix + key: value for key, value in state.items()}
    model = Net()
    torch.save(dict(state_dict=content), path)
    load_weights(model, path)
    assert all(torch.equal(model.state_dict()[key], state[key]) for key in state)
    shown = prefix.replace('_orig_mod.', '')
    assert log() == [f"'{path}': all keys lose their prefix '{shown}'"]


def test_a_prefix_is_kept_if_not_all_keys_match_without_it(tmp_path, log):
    state, path = random_state(), tmp_path / 'a.pth'
    content = {f'encoder.{key}': value for key, value in state.items()}
    for other in (
        content | {'head.weight': torch.ones(1)},
        content | {'encoder.head.weight': torch.ones(1)},
        {key: value for key, value in content.items() if key != 'encoder.model.bias'},
    ):
        torch.save(other, path)
        with pytest.raises(ConfigError, match='does not fit the network: 8 keys missing'):
            load_weights(Net(), path)
    torch.save(content, path)
    with pytest.raises(ConfigError, match='does not fit the network: 8 keys missing'):
        load_weights(Net(), path, prefix='model.')
    assert log() == []


def test_a_prefix_of_the_network_itself_is_kept(tmp_path, log):
    network = nn.ModuleDict(dict(encoder=Net()))
    state = {f'encoder.{key}': value for key, value in random_state().items()}
    for prefix, lines in (('', 0), ('encoder.', 1)):
        torch.save({prefix + key: v for key, v in state.items()}, tmp_path / 'a.pth')
        load_weights(network, tmp_path / 'a.pth')
        assert torch.equal(network.encoder.model.bias, state['encoder.model.bias'])
        assert len(log()) == lines


def test_wrappers_around_single_layers(tmp_path):
    state = random_state()
    content = {
        key.replace('backbone.', 'backbone._orig_mod.'): value for key, value in state.items()
    }
    check_loads(content, tmp_path / 'weights.pth', state)
    content = {'_fsdp_wrapped_module.' + key: value for key, value in state.items()}
    check_loads(content, tmp_path / 'weights.pth', state)


@pytest.mark.parametrize(
    'key',
    'state_dict model net weights model_state model_state_dict ema state_dict_ema'.split(),
)
def test_keys(tmp_path, key, log):
    state = random_state()
    check_loads({key: state, 'epoch': 3, 'hyper': dict(lr=1)}, tmp_path / 'a.pth', state)
    wrapped = {key: {'module': {f'model.{k}': v for k, v in state.items()}}}
    check_loads(wrapped, tmp_path / 'b.pth', state)
    assert log() == []


def test_a_config_beside_the_weights_is_no_state_dict(tmp_path, log):
    state = random_state()
    content = dict(model=dict(type='ResNet', depth=50), weights=state)
    check_loads(content, tmp_path / 'a.pth', state)
    assert log() == []


def test_two_state_dicts(tmp_path, log):
    state, average = random_state(), random_state()
    content = dict(state_dict=state, state_dict_ema=average)
    path = tmp_path / 'a.pth'
    check_loads(content, path, state)
    assert log() == [
        f"'{path}' also holds weights under state_dict_ema; checkpoint_key= of the network "
        'selects them'
    ]
    check_loads(content, path, average, key='state_dict_ema')
    check_loads(dict(ema=dict(module=average), model=state), path, average, key='ema')
    check_loads(dict(a=dict(b=average), model=state), path, average, key='a.b')
    assert len(log()) == 1
    with pytest.raises(ConfigError) as error:
        load_weights(Net(), path, key='emma')
    assert str(error.value) == (
        f"key 'checkpoint_key' is 'emma', under which '{path}' holds no state dict; it has a, "
        'model'
    )


SECOND = {
    'of no usual name': (lambda s: dict(ema_model=s), 'ema_model'),
    'of two names': (lambda s: dict(params_ema=s, best=dict(s)), 'params_ema, best'),
    'in a dict': (lambda s: dict(callbacks=dict(EMA={0: s})), 'callbacks.EMA.0'),
    'in a usual one': (lambda s: dict(model_ema=dict(module=s)), 'model_ema.module'),
    'with a prefix': (
        lambda s: dict(averaged={f'module.{k}': v for k, v in s.items()}),
        'averaged',
    ),
    'with another prefix': (
        lambda s: dict(averaged={f'encoder.{k}': v for k, v in s.items()}),
        'averaged',
    ),
    'without buffers': (
        lambda s: {'v1.0': {f'encoder.{k}': v for k, v in s.items() if 'weight' in k}},
        'v1.0',
    ),
}


@pytest.mark.parametrize('second', SECOND)
def test_every_second_set_of_weights_is_named(tmp_path, log, second):
    state, path = random_state(), tmp_path / 'a.pth'
    build, names = SECOND[second]
    content = build(random_state()) | dict(state_dict=state)
    check_loads(content, path, state)
    line = f"'{path}' also holds weights under {names}; checkpoint_key= of the network "
    assert log() == [line + 'selects them']
    for name in names.split(', '):
        if second == 'without buffers':
            with pytest.raises(ConfigError, match='8 keys missing'):
                load_weights(Net(), path, key=name)
        else:
            load_weights(Net(), path, key=name)

    seen = len(log())
    check_loads(dict(run=content), path, state, key='run.state_dict')
    assert len(log()) == seen
    check_loads(dict(run=content), path, state, key='run')
    named = ', '.join(f'run.{name}' for name in names.split(', '))
    assert f"'{path}' also holds weights under {named}; " in log()[-1]


def test_weights_at_the_top_go_before_others(tmp_path, log):
    state, path = random_state(), tmp_path / 'a.pth'
    check_loads(state | dict(ema=random_state()), path, state)
    assert log() == [
        f"'{path}' also holds weights under ema; checkpoint_key= of the network selects them"
    ]


def test_what_is_no_set_of_weights_is_not_named(tmp_path, log):
    model, state = Net(), random_state()
    optimizer = torch.optim.Adam(model.parameters())
    sum(p.sum() for p in model.parameters()).backward()
    optimizer.step()
    content = dict(
        optimizer=optimizer.state_dict(),
        state_dict=state,
        again=state,  # the same tensors once more
        images=dict(train=torch.rand(2, 3), labels=torch.ones(2)),
        steps={3: torch.ones(1)},
    )
    content['itself'] = content
    check_loads(content, tmp_path / 'a.pth', state)
    assert log() == []


@pytest.mark.parametrize(
    'place',
    [
        'params',
        'params_ema',
        'model_weights',
        'net_state_dict',
        'best_model',
        'state_dict.params',
        'best_model.module',
    ],
)
def test_the_only_weights_under_any_key(tmp_path, log, place):
    state, path = random_state(), tmp_path / 'a.pth'
    content = {f'module.{key}': value for key, value in state.items()}
    for name in reversed(place.split('.')):
        content = {name: content}
    content |= dict(epoch=torch.tensor(3), other={'weight': torch.ones(1)}, args=dict(lr=1))
    check_loads(content, path, state)
    line = f"'{path}': the weights are taken from '{place}', which fit the network"
    assert log() == [line]
    check_loads(dict(run=content), path, state, key='run')
    assert log()[1:] == [line.replace(place, f'run.{place}')]


def test_several_weights_under_unusual_keys(tmp_path, log):
    state, path = random_state(), tmp_path / 'a.pth'
    content = dict(params=random_state(), ema_model=dict(module=state), epoch=3)
    for key, names in (
        (None, 'params, ema_model.module'),
        ('x', 'x.params, x.ema_model.module'),
    ):
        torch.save(dict(x=content) if key else content, path)
        with pytest.raises(ConfigError) as error:
            load_weights(Net(), path, key=key)
        assert str(error.value) == (
            f"key 'checkpoint': '{path}' holds several sets of weights that fit the network: "
            f'{names}; choose one by checkpoint_key'
        )
    check_loads(content, path, state, key='ema_model')
    assert log() == []


def test_no_weights_that_fit(tmp_path):
    state, path = random_state(), tmp_path / 'a.pth'
    del state['model.bias']
    many = {f'note{i}': i for i in range(12)}
    for content, names, key in (
        (dict(params=state, epoch=3), 'params, epoch', None),
        (dict(a=state, b=state, mean=torch.ones(3)), 'a, b, mean', None),
        (dict(x=dict(params=state, epoch=3)), 'x.params, x.epoch', 'x'),
        (dict(epoch=3), 'epoch', None),
        (dict(), 'no keys', None),
        (many, ', '.join(list(many)[:10]) + ', ...', None),
    ):
        torch.save(content, path)
        with pytest.raises(ConfigError) as error:
            load_weights(Net(), path, key=key)
        assert str(error.value) == (
            f"key 'checkpoint': '{path}' holds no weights with the keys of the network; it has "
            f'{names}; choose the right one by checkpoint_key, or the network that they were '
            'saved from'
        )
    torch.save(dict(params=state), path)
    with pytest.raises(ConfigError, match=r'1 keys missing \(model.bias\), 0 keys unexpected'):
        load_weights(Net(), path, key='params')


def compiled_layer(net: Net) -> Net:
    net.backbone = torch.compile(net.backbone)
    return net


WRAPPED = {
    'compiled': torch.compile,
    'data parallel': nn.DataParallel,
    'compiled data parallel': lambda net: torch.compile(nn.DataParallel(net)),
    'data parallel of a compiled one': lambda net: nn.DataParallel(torch.compile(net)),
    'with a compiled layer': compiled_layer,
}


@pytest.mark.parametrize('wrapped', WRAPPED)
def test_networks_in_wrappers(tmp_path, log, wrapped):
    network, path = WRAPPED[wrapped](Net()), tmp_path / 'a.pth'
    own = network.state_dict()
    assert own.keys() != Net().state_dict().keys()
    for prefix in ('', 'module.', 'model._orig_mod.', 'encoder.'):
        state = random_state()
        torch.save({prefix + key: value for key, value in state.items()}, path)
        load_weights(network, path)
        for key, value in zip(own, state.values(), strict=True):
            assert torch.equal(network.state_dict()[key], value), (prefix, key)
    assert log() == [f"'{path}': all keys lose their prefix 'encoder.'"]

    state = {key: torch.rand(v.shape).to(v) for key, v in own.items()}
    for prefix in (None, '', 'student.'):
        torch.save({(prefix or '') + key: value for key, value in state.items()}, path)
        load_weights(network, path, prefix=prefix)
        for key, value in network.state_dict().items():
            assert torch.equal(value, state[key]), (prefix, key)

    torch.save({k: v for k, v in random_state().items() if k != 'model.bias'}, path)
    with pytest.raises(ConfigError, match=r'1 keys missing \(model.bias\), 0 keys unexpected'):
        load_weights(network, path)


def test_an_explicit_prefix_of_a_compiled_network(tmp_path):
    state = random_state()
    torch.save({f'_orig_mod.{key}': v for key, v in state.items()}, tmp_path / 'a.pth')
    model = Net()
    load_weights(model, tmp_path / 'a.pth', prefix='_orig_mod.')
    assert torch.equal(model.model.bias, state['model.bias'])


def test_the_key_in_a_config(tmp_path, tiny):
    cfg = tiny({'model.teacher.checkpoint_key': 'state_dict_ema'})
    state = torch.load(cfg.model.teacher.checkpoint)
    other = {k: torch.zeros_like(v) for k, v in state.items()}
    torch.save(dict(state_dict=other, state_dict_ema=state), cfg.model.teacher.checkpoint)
    network = build_network(cfg, 'teacher')
    assert torch.equal(network.model.state_dict()['conv1.weight'], state['conv1.weight'])


def test_other_modules_of_the_file_are_named(tmp_path, log):
    state = random_state()
    content = {f'net.{k}': v for k, v in state.items()} | {'loss.weight': torch.ones(10)}
    path = tmp_path / 'a.pth'
    check_loads(dict(state_dict=content), path, state)
    assert log() == [f"'{path}': weights of other modules are left out: loss.weight"]


@pytest.mark.parametrize('kind', ['safetensors', 'bin'])
def test_weights_in_several_files(tmp_path, kind):
    state = random_state()
    keys = list(state)
    parts = {f'model-1-of-2.{kind}': keys[:3], f'model-2-of-2.{kind}': keys[3:]}
    for name, part in parts.items():
        save = save_file if kind == 'safetensors' else torch.save
        save({key: state[key] for key in part}, tmp_path / name)
    index = tmp_path / f'model.{kind}.index.json'
    files = {key: name for name, part in parts.items() for key in part}
    index.write_text(json.dumps(dict(metadata=dict(total_size=9), weight_map=files), indent=2))
    model = Net()
    load_weights(model, index)
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key

    index.write_text(json.dumps(dict(weight_map=files | {'more': f'model-1-of-2.{kind}'})))
    with pytest.raises(ConfigError, match=r'names keys that its files do not hold \(more\)'):
        load_weights(Net(), index)
    (tmp_path / f'model-2-of-2.{kind}').unlink()
    with pytest.raises(ConfigError, match=rf"index.json': there is no file '.*2-of-2.{kind}'"):
        load_weights(Net(), index)


PARAMETRISED = {
    'weight norm': (torch.nn.utils.weight_norm, 'remove_weight_norm'),
    'spectral norm': (torch.nn.utils.spectral_norm, 'remove_spectral_norm'),
    'pruning': (lambda m, name: prune.l1_unstructured(m, name, 0.5), 'prune.remove'),
    'a parametrisation of torch': (
        lambda m, name: parametrize.register_parametrization(m, name, nn.Tanh()),
        'parametrize.remove_parametrizations',
    ),
}


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    'what, name',
    [(what, 'weight') for what in PARAMETRISED]
    + [('pruning', 'bias'), ('a parametrisation of torch', 'bias'), ('weight norm', 'scale_2')],
)
@pytest.mark.parametrize('layer', ['backbone.1', ''])
def test_parametrised_layers(tmp_path, what, name, layer):
    parametrise, undo = PARAMETRISED[what]
    changed, plain = Net(), Net()
    for network in (changed, plain):
        for module in (network, network.backbone[1]):
            if not hasattr(module, name):
                module.register_parameter(name, nn.Parameter(torch.rand(3, 2)))
    parametrise(changed.get_submodule(layer), name)
    for saved, other, where, do in (
        (changed, plain, 'file', 'remove it before saving'),
        (plain, changed, 'network', 'build the network without it'),
    ):
        torch.save(saved.state_dict(), tmp_path / 'a.pth')
        with pytest.raises(ConfigError) as error:
            load_weights(other, tmp_path / 'a.pth')
        message = str(error.value)
        assert message.split('; ')[1] == (
            f"layer '{layer}' has {what} in the {where} alone: {do}, torch.nn.utils.{undo}"
            f"(layer, '{name}')"
        )
        assert '\n' not in message
    torch.save(changed.state_dict(), tmp_path / 'a.pth')
    load_weights(changed, tmp_path / 'a.pth')


def test_a_mask_alone_is_no_pruning(tmp_path):
    state = random_state()
    torch.save(state | {'backbone.1.attn_mask': torch.ones(2)}, tmp_path / 'a.pth')
    with pytest.raises(ConfigError, match='choose the network it was saved from'):
        load_weights(Net(), tmp_path / 'a.pth')


AUXILIARY = {
    'googlenet': 'aux1.conv.conv.weight, aux1.conv.bn.weight, aux1.conv.bn.bias, ...',
    'inception_v3': (
        'AuxLogits.conv0.conv.weight, AuxLogits.conv0.bn.weight, AuxLogits.conv0.bn.bias, ...'
    ),
}


@pytest.mark.parametrize('name', AUXILIARY)
def test_auxiliary_heads_of_torchvision(tmp_path, log, name):
    torchvision = pytest.importorskip('torchvision')
    build = getattr(torchvision.models, name)
    settings = dict(weights=None, init_weights=False, num_classes=3)
    path = tmp_path / f'{name}.pth'
    state = build(aux_logits=True, **settings).state_dict()
    torch.save(state, path)
    model = build(aux_logits=False, **settings)
    load_weights(model, path)
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert log() == [f"'{path}': weights of auxiliary heads are left out: {AUXILIARY[name]}"]
    load_weights(build(aux_logits=True, **settings), path)
    assert len(log()) == 1
    del state['fc.bias']
    torch.save(state, path)
    with pytest.raises(ConfigError, match=r'1 keys missing \(fc.bias\)'):
        load_weights(model, path)


def test_a_network_takes_the_key(tmp_path):
    state = random_state()
    torch.save(dict(net=random_state(), ema=state), tmp_path / 'a.pth')
    network = Network(Net(), checkpoint=str(tmp_path / 'a.pth'), checkpoint_key='ema')
    assert torch.equal(network.model.model.weight, state['model.weight'])
