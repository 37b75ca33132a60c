"""A number that cannot work is refused where it is given, by its name and in one line."""

import inspect
import math
import typing
from types import SimpleNamespace

import pytest
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.old_keys import RENAMED
from ssdkd.plugins import is_ours
from ssdkd.registry import (
    BATCH_TRANSFORMS,
    BUFFERS,
    GENERATORS,
    HOOKS,
    LOG_PROCESSORS,
    LOOPS,
    LOSSES,
    METRICS,
    MODELS,
    MODULATIONS,
    SAMPLERS,
    SYNTHESIZERS,
    TASKS,
    WRITERS,
)

REGISTRIES = (
    *(GENERATORS, SYNTHESIZERS, LOSSES, MODULATIONS, BUFFERS, WRITERS, SAMPLERS, TASKS),
    *(BATCH_TRANSFORMS, MODELS, METRICS, LOOPS, HOOKS, LOG_PROCESSORS),
)
IMAGE = dict(type='DCGANGenerator', width=4, latent_dim=5, image_size=8)
INVERSION = dict(losses=dict(l2=dict(type='L2Loss')), batch_size=4, steps=2)
TEACHER = dict(model=nn.Conv2d(3, 4, 1))
RUNNER = SimpleNamespace(
    seed=0,
    val_loop=None,
    model=SimpleNamespace(
        seed=lambda seed: None,
        check=lambda: None,
        state_dict=dict,
        batch_size=1,
        buffer=SimpleNamespace(capacity=9),
        synthesizer=SimpleNamespace(samples=None, batch_size=1),
    ),
)
# What a component needs besides its numbers.
ARGUMENTS = {
    'CifarResNet': dict(depth=8),
    'Classifier': dict(network=dict(type='Network', model=nn.Conv2d(3, 4, 1))),
    'ContrastiveSynthesizer': dict(generator=IMAGE, bank_size=10, negatives=6, **INVERSION),
    'DCGANGenerator': dict(width=4, latent_dim=5, image_size=8),
    'DeepGenerator': dict(width=2, latent_dim=5, image_size=64),
    'DistillLoop': dict(runner=RUNNER, dataloader={}, max_rounds=4, steps_per_round=2),
    'FreshBuffer': dict(capacity=8),
    'GeneratorSynthesizer': dict(generator=IMAGE, **INVERSION),
    'GrowingBuffer': dict(capacity=8),
    'MetaSynthesizer': dict(generator=IMAGE, **INVERSION),
    'Network': TEACHER,
    'NoiseSynthesizer': dict(image_size=8, samples=4),
    'PixelSynthesizer': dict(image_size=8, **INVERSION),
    'PrioritySampler': dict(beta_end=1.0, beta_steps=6),
    'RandomLight': dict(strength=0.5),
    'RealImageSynthesizer': dict(
        dataset=dict(type='Digits', image_size=8, split='val'), samples=4
    ),
    'ReplayBuffer': dict(capacity=8),
    'ResNet': dict(depth=18),
    'ReplayDistiller': dict(
        teacher=TEACHER,
        student=TEACHER,
        synthesizer=dict(type='NoiseSynthesizer', image_size=8, samples=4),
        task=dict(type='Segmentation', num_classes=4),
        buffer=dict(type='ReplayBuffer', capacity=8),
        writer=dict(type='OldestWriter'),
        sampler=dict(type='UniformSampler'),
        modulation=dict(type='ModulatingFunction'),
        distillation=dict(kl=dict(type='KLDivergenceLoss')),
        batch_size=4,
    ),
    'Teacher': TEACHER,
    'WideResNet': dict(depth=10, widen_factor=1),
    **{name: dict(num_classes=4) for name in ('Classification', 'Segmentation')},
}
# Numbers that are mmengine's own or wait for mmseg.
ELSEWHERE = {'DistillCheckpointHook', 'SafeCheckpointHook', 'mmseg'}
WRONG = [0, -3, '64', math.nan, math.inf, 2.5, True, None]


def numbers_of(component) -> dict[str, set]:
    """Argument -> the types in its hint, of those that take a number or some."""
    found = {}
    for name, parameter in inspect.signature(component).parameters.items():
        hint = parameter.annotation
        kinds = (
            set(typing.get_args(hint)) if isinstance(hint, typing.types.UnionType) else {hint}
        )
        flat = {part for kind in kinds for part in (typing.get_args(kind) or (kind,))}
        if flat & {int, float} and str not in flat:
            found[name] = kinds
    return found


def cases():
    for registry in REGISTRIES:
        for name in registry.names():
            component = registry.get(name)
            if not is_ours(component) or name in ELSEWHERE:
                continue
            for argument, kinds in numbers_of(component).items():
                if argument not in RENAMED.get(name, ()):
                    yield pytest.param(component, argument, kinds, id=f'{name}-{argument}')


def refusal(component, argument: str, value) -> str | None:
    """The error of a wrong value; None if the component takes it."""
    arguments = ARGUMENTS.get(component.__name__, {}) | {argument: value}
    try:
        component(**arguments)
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize('component, argument, kinds', list(cases()))
def test_wrong_values(component, argument, kinds):
    """Taken, or refused by the argument's name; never an error from the depth."""
    taken = []
    for value in WRONG:
        if value is None and type(None) in kinds:
            continue
        message = refusal(component, argument, value)
        if message is None:
            taken.append(value)
        else:
            assert argument in message and '\n' not in message, (value, message)
    allowed = [0, -3] if int in kinds else [0, -3, 2.5]
    assert [value for value in taken if value not in allowed or value is True] == []


REFUSED = [
    ('GeneratorSynthesizer', 'batch_size', 0),
    *[(f'{name}Synthesizer', 'samples', 0) for name in ('Generator', 'Noise', 'RealImage')],
    *[(f'{name}Synthesizer', 'steps', 0) for name in ('Contrastive', 'Generator', 'Meta')],
    *[(f'{name}Synthesizer', 'latent_lr', -3) for name in ('Contrastive', 'Generator', 'Meta')],
    ('GeneratorSynthesizer', 'crop_padding', -3),
    ('ContrastiveSynthesizer', 'temperature', 0),
    ('ContrastiveSynthesizer', 'contrast_weight', -3),
    ('ContrastiveSynthesizer', 'head_dim', 0),
    ('ContrastiveSynthesizer', 'local_scale', (0.5, math.nan)),
    ('PixelSynthesizer', 'pixel_lr', -3),
    ('PixelSynthesizer', 'betas', (0.9, 1.0)),
    ('PixelSynthesizer', 'image_size', (8, 8, 8)),
    *[('DCGANGenerator', name, 0) for name in ('latent_dim', 'width', 'num_classes')],
    *[('DeepGenerator', 'image_size', value) for value in ((64, '64'), (64.0, 64.0), ())],
    *[('Classification', 'num_classes', value) for value in (1, 0, -3)],
    ('Segmentation', 'num_classes', 1),
    ('CifarResNet', 'num_classes', 1),
    ('WideResNet', 'widen_factor', 0),
    ('ReplayDistiller', 'batch_size', 0),
    ('ReplayDistiller', 'crop_padding', -3),
    ('ReplayDistiller', 'flip', 'no'),
    ('KLDivergenceLoss', 'temperature', 0),
    ('AdversarialLoss', 'temperature', -3),
    *[(name, 'weight', -3) for name in ('KLDivergenceLoss', 'L2Loss', 'BNStatisticsLoss')],
    ('ReplayBuffer', 'max_gib', 0),
    ('ReplayBuffer', 'device', 2.5),
    ('PrioritySampler', 'beta_steps', 0),
    *[('DistillLoop', name, 0) for name in ('steps_per_round', 'val_interval', 'val_begin')],
    ('DistillLoop', 'warmup_rounds', -3),
    *[(f'{name}Hook', 'interval', 0) for name in ('BufferStatistics', 'SampleGrid')],
    ('EstimateHook', 'rounds', 0),
    ('QualityHook', 'interval', 0),
    ('QualityHook', 'images', 1),
    ('Accuracy', 'topk', (1, '5')),
    ('Network', 'mean', (0.5, math.nan, 0.5)),
    ('Network', 'std', (0.5, math.inf, 0.5)),
    ('Network', 'std', ('a', 'b', 'c')),
    ('Teacher', 'std', (0.5, 0, 0.5)),
    ('RandomCropFlip', 'padding', -3),
    ('RandomCropFlip', 'flip', 'no'),
    ('RandomLight', 'strength', 1.5),
]


@pytest.mark.parametrize('name, argument, value', REFUSED)
def test_values_that_must_be_refused(name, argument, value):
    component = next(c for c in (r.get(name) for r in REGISTRIES) if c is not None)
    message = refusal(component, argument, value)
    assert message is not None and argument in message and '\n' not in message


def test_distillation_terms_without_weight():
    terms = dict(kl=dict(type='KLDivergenceLoss', weight=0))
    arguments = ARGUMENTS['ReplayDistiller'] | dict(distillation=terms)
    with pytest.raises(ConfigError, match=r'model.distillation.*weight=0'):
        MODELS.get('ReplayDistiller')(**arguments)


@pytest.mark.parametrize('part', ['buffer', 'synthesizer', 'task', 'sampler', 'modulation'])
def test_a_part_that_is_no_dict(part):
    with pytest.raises(ConfigError, match=f'{part}.*64'):
        MODELS.get('ReplayDistiller')(**ARGUMENTS['ReplayDistiller'] | {part: 64})
