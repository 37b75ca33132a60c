"""Every registered component is built, documented and named as its class."""

import inspect
import re

import numpy as np
import pytest
import torch
import torchvision
from helpers import build_runner, save_teacher, tiny_config

from ssdkd.apis.check import check_config
from ssdkd.errors import ConfigError
from ssdkd.models import CifarResNet
from ssdkd.models.saved import GIVEN
from ssdkd.old_keys import AUGMENT_KEYS, RENAMED
from ssdkd.plugins import is_ours
from ssdkd.registry import (
    ALL_REGISTRIES,
    LOG_PROCESSORS,
    LOSSES,
    MODELS,
    SAMPLERS,
    argument_names,
)
from ssdkd.runs.settings import RENAMED_TYPES
from ssdkd.samplers import PrioritySampler

NETWORK = dict(type='CifarResNet', depth=8)
SEGMENTOR = dict(
    type='EncoderDecoder',
    backbone=dict(type='FastSCNN'),
    decode_head=dict(type='FCNHead', in_channels=128, in_index=-1, channels=4, num_classes=3),
)
IMAGE = dict(type='DCGANGenerator', width=4, image_size=16)


def teacher(tmp_path):
    return dict(model=NETWORK, checkpoint=save_teacher(NETWORK, tmp_path / 'teacher.pth'))


class StoredCifar:
    """torchvision's CIFAR10 with one image, as its archive is not at hand."""

    classes = ['cat']

    def __init__(self, root, train, download):
        self.data, self.targets = np.zeros((1, 32, 32, 3), np.uint8), [0]


def folder(tmp_path):
    from PIL import Image

    (tmp_path / 'images/cat').mkdir(parents=True)
    Image.new('RGB', (8, 8)).save(tmp_path / 'images/cat/1.png')
    return dict(root=str(tmp_path / 'images'))


def labelled(tmp_path):
    (tmp_path / 'labels.json').write_text('{"cat/1.png": 0}')
    return folder(tmp_path) | dict(labels=str(tmp_path / 'labels.json'))


def program(tmp_path):
    torch.jit.save(
        torch.jit.trace(CifarResNet(8).eval(), torch.rand(1, 3, 8, 8)), tmp_path / 'a.pt'
    )
    return dict(file=str(tmp_path / 'a.pt'))


def saved(tmp_path):
    torch.save(MODELS.build(dict(NETWORK)), tmp_path / 'network.pt')
    return dict(file=str(tmp_path / 'network.pt'))


def given(tmp_path):
    GIVEN['teacher_module.pt'] = MODELS.build(dict(NETWORK))
    return dict(file='teacher_module.pt')


def loop(tmp_path):
    runner = build_runner(tiny_config(tmp_path))
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    return dict(runner=runner, dataloader={}, max_rounds=2, steps_per_round=1)


def distributed(tmp_path):
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group(
            'gloo', init_method=f'file://{tmp_path}/init', rank=0, world_size=1
        )
    return dict(module=MODELS.build(tiny_config(tmp_path).model))


# The least that each component needs; a function gets a folder to put files in.
MINIMAL = {
    'model': {
        'CifarResNet': dict(depth=8),
        'Classifier': dict(network=dict(type='Network', model=NETWORK)),
        'Network': dict(model=NETWORK),
        'Predictor': dict(
            network=dict(model=NETWORK), task=dict(type='Classification', num_classes=10)
        ),
        'Program': program,
        'ResNet': dict(depth=18),
        'GivenModule': given,
        'SavedModule': saved,
        'ReplayDistiller': lambda tmp_path: dict(tiny_config(tmp_path).model),
        'SSDKD': lambda tmp_path: dict(tiny_config(tmp_path).model),
        'Teacher': teacher,
        'VGG': dict(),
        'WideResNet': dict(depth=16, widen_factor=1),
        'mmseg': dict(model=SEGMENTOR),
        'module': dict(path='torch.nn.Identity'),
        'timm': dict(name='resnet18'),
        'torchvision': dict(name='squeezenet1_1'),
    },
    'generator': {
        'DCGANGenerator': dict(width=4),
        'DeepGenerator': dict(width=4),
        'ShapesGenerator': dict(width=4),
    },
    'synthesizer': {
        'ContrastiveSynthesizer': dict(generator=IMAGE, losses={}, batch_size=4),
        'GeneratorSynthesizer': dict(generator=IMAGE, losses={}, batch_size=4, steps=1),
        'MetaSynthesizer': dict(generator=IMAGE, losses={}, batch_size=4, steps=1),
        'NoiseSynthesizer': dict(image_size=8, batch_size=4),
        'PixelSynthesizer': dict(image_size=8, losses={}, batch_size=4),
        'RealImageSynthesizer': dict(dataset=dict(type='Digits'), batch_size=4),
    },
    'loss': {
        'ActivationLoss': {},
        'AdversarialL1Loss': {},
        'AdversarialLoss': {},
        'AttentionTransferLoss': {},
        'BNStatisticsLoss': {},
        'ClassPriorLoss': {},
        'FeatureMatchingLoss': {},
        'InformationEntropyLoss': {},
        'JSCompetitionLoss': {},
        'KLDivergenceLoss': {},
        'L1LogitLoss': {},
        'L2Loss': {},
        'PatchSimilarityLoss': {},
        'PseudoLabelLoss': {},
        'TotalVariationLoss': {},
        'TotalVariationTargetLoss': {},
    },
    'modulation': {'ModulatingFunction': {}},
    'batch_transform': {
        'PhotoColours': {},
        'RandomCropFlip': {},
        'RandomLight': dict(strength=0.5),
    },
    'buffer': {
        'FreshBuffer': dict(capacity=4),
        'GrowingBuffer': dict(capacity=4),
        'ReplayBuffer': dict(capacity=4),
    },
    'writer': {'CrowdedWriter': {}, 'OldestWriter': {}, 'RandomWriter': {}},
    'sampler': {'PrioritySampler': {}, 'SequentialSampler': {}, 'UniformSampler': {}},
    'task': {
        'BinaryClassification': {},
        'Classification': dict(num_classes=3),
        'MultiLabelClassification': dict(num_classes=3),
        'Segmentation': dict(num_classes=3),
    },
    'dataset': {
        'Cifar': dict(root='data'),
        'Digits': {},
        'ImageFolder': folder,
        'LabelledImages': labelled,
    },
    'transform': {'CheckLabels': dict(num_classes=3)},
    'metric': {'Accuracy': {}, 'MultiLabelScores': {}},
    'loop': {'DistillLoop': loop},
    'hook': {
        'BufferStatisticsHook': {},
        'DistillCheckpointHook': {},
        'EstimateHook': {},
        'ExportHook': {},
        'PanelHook': dict(out_dir='panels'),
        'QualityHook': {},
        'SafeCheckpointHook': {},
        'SampleGridHook': {},
        'ScheduleHook': {},
        'SummaryHook': {},
    },
    'log_processor': {'RoundLogProcessor': {}},
    'optim_wrapper_constructor': {'RoleOptimWrapperConstructor': dict(optim_wrapper_cfg={})},
    'model_wrapper': {'DistributedDistiller': distributed},
}
# Others may be there, of plugins that are installed, or tested in the same process.
COMPONENTS = [
    (registry, name)
    for registry in ALL_REGISTRIES
    for name in registry.names()
    if is_ours(registry.get(name))
]
IDS = [f'{registry.name}-{name}' for registry, name in COMPONENTS]


@pytest.mark.parametrize('registry, name', COMPONENTS, ids=IDS)
def test_component(registry, name, tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision.datasets, 'CIFAR10', StoredCifar)
    arguments = MINIMAL.get(registry.name, {}).get(name)
    assert arguments is not None, f'add the least config of {name} to MINIMAL in {__file__}'
    component = registry.get(name)
    if inspect.isclass(component):
        assert component.__name__ == RENAMED_TYPES.get(name, name)

    doc = inspect.getdoc(component)
    assert doc and component.__doc__.strip(), f'{name} has no docstring'
    first = doc.splitlines()[0]
    assert first.endswith('.') or first.endswith('``.'), f'first line of {name}: {first}'
    parameters = inspect.signature(component).parameters.values()
    documented = set(re.findall(r'^    \**(\w+)(?: \(.*)?:', doc, re.M))
    documented |= {*AUGMENT_KEYS, *RENAMED.get(RENAMED_TYPES.get(name, name), ())}
    # Sentences about the base class's arguments stand with the base class.
    own = '__init__' in vars(component) if inspect.isclass(component) else True
    if own:
        missing = [
            p.name
            for p in parameters
            if p.name not in documented and p.kind is not p.VAR_KEYWORD
        ]
        assert not missing, f'{name} does not document {missing}'

    try:
        cfg = arguments(tmp_path) if callable(arguments) else dict(arguments)
        built = registry.build(dict(cfg, type=name))
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    if inspect.isclass(component):
        assert type(built) is component


def test_the_table_holds_nothing_else():
    known = {(registry.name, name) for registry, name in COMPONENTS}
    listed = {(registry, name) for registry, names in MINIMAL.items() for name in names}
    assert listed == known


@pytest.mark.parametrize(
    'registry, cfg, message',
    [
        (
            LOSSES,
            dict(type='BNStatisticLoss'),
            "loss: unknown type 'BNStatisticLoss'; did you mean BNStatisticsLoss",
        ),
        (
            LOG_PROCESSORS,
            dict(type='Qwertz'),
            "log_processor: unknown type 'Qwertz'; known are RoundLogProcessor",
        ),
        (
            SAMPLERS,
            dict(type='PrioritySampler', alfa=1),
            "sampler 'PrioritySampler': unknown key 'alfa'; did you mean alpha",
        ),
        (MODELS, dict(type='CifarResNet'), "model 'CifarResNet': missing key 'depth'"),
    ],
)
def test_errors_name_the_word_and_the_nearest(registry, cfg, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        registry.build(cfg)


class Plugin(PrioritySampler):
    """As plugins are written that add an argument to one of ours."""

    def __init__(self, share: float, **kwargs):
        super().__init__(**kwargs)


class Anything(torch.nn.Linear):
    def __init__(self, share: float, **kwargs):
        super().__init__(2, 2, **kwargs)


def test_kwargs_are_those_of_the_parent(monkeypatch):
    monkeypatch.setitem(SAMPLERS.module_dict, 'Plugin', Plugin)
    assert {'share', 'alpha'} < set(argument_names(Plugin))
    assert {'share', 'bias'} < set(argument_names(Anything))
    assert argument_names(SAMPLERS.get('PrioritySampler'))[0] == 'alpha'
    assert SAMPLERS.build(dict(type='Plugin', share=0.5, alpha=0.3)).alpha == 0.3
    message = "sampler 'Plugin': unknown key 'alfa'; did you mean alpha"
    with pytest.raises(ConfigError, match=message):
        SAMPLERS.build(dict(type='Plugin', share=0.5, alfa=0.3))
    with pytest.raises(ConfigError, match="unknown key 'alfa'"):
        check_config(dict(type='Plugin', share=0.5, alfa=0.3))
    with pytest.raises(ConfigError, match="missing key 'share'"):
        SAMPLERS.build(dict(type='Plugin', alpha=0.3))


def test_importing_the_registry_suffices():
    for registry in ALL_REGISTRIES:
        assert registry.names(), registry.name
