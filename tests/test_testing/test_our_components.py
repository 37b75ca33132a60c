"""Every component of ours passes the check that plugins have to pass."""

import pytest

from ssdkd.plugins import is_ours
from ssdkd.registry import (
    BATCH_TRANSFORMS,
    BUFFERS,
    GENERATORS,
    LOSSES,
    MODULATIONS,
    SAMPLERS,
    SYNTHESIZERS,
    TASKS,
    WRITERS,
)
from ssdkd.tasks import BinaryClassification, MultiLabelClassification, Segmentation
from ssdkd.testing import (
    check_batch_transform,
    check_buffer,
    check_generator,
    check_loss,
    check_modulation,
    check_sampler,
    check_synthesizer,
    check_task,
    check_writer,
)

IMAGE = dict(type='DCGANGenerator', width=4, latent_dim=5, image_size=8)
LOSS = dict(
    bn=dict(type='BNStatisticsLoss', momentum=0.5),
    adversarial=dict(type='AdversarialLoss'),
)
INVERSION = dict(losses=LOSS, batch_size=4, steps=2)

# What the component is checked with, besides nothing.
ARGUMENTS = {
    'PrioritySampler': [dict(beta=0.2, beta_end=1.0, beta_steps=6), dict(normalize=False)],
    'GrowingBuffer': [dict(max_gib=1e-6)],
    'DCGANGenerator': [
        dict(width=4, image_size=8),
        dict(width=4, image_size=10, num_classes=3, channels=2),
    ],
    'DeepGenerator': [
        dict(width=2, image_size=64),
        dict(width=2, image_size=70, num_classes=3, channels=1),
    ],
    'ShapesGenerator': [
        dict(width=2, image_size=8, shapes=3),
        dict(width=2, image_size=10, shapes=3, num_classes=3, channels=5),
    ],
    'BNStatisticsLoss': [dict(momentum=0.5), dict(relative=True)],
    'ModulatingFunction': [
        dict(diversity=False),
        dict(difficulty=False),
        dict(diversity=False, difficulty=False),
        dict(normalize=False, gamma=2.0),
    ],
    'Segmentation': [dict(min_confidence=0.3)],
    'BinaryClassification': [dict(num_classes=2)],
    'ContrastiveSynthesizer': [
        dict(generator=IMAGE, bank_size=10, negatives=6, head_dim=4, **INVERSION)
    ],
    'GeneratorSynthesizer': [
        dict(generator=IMAGE, **INVERSION),
        dict(generator=IMAGE, samples=6, **INVERSION),
    ],
    'MetaSynthesizer': [
        dict(generator=IMAGE, reset_share=0.5, **INVERSION),
        dict(generator=IMAGE, outer='reptile', samples=6, **INVERSION),
    ],
    'NoiseSynthesizer': [dict(image_size=8, samples=4)],
    'RandomCropFlip': [dict(), dict(padding=2, flip=True)],
    'PhotoColours': [{}],
    'RandomLight': [dict(strength=0.5)],
    'PixelSynthesizer': [dict(image_size=8, **INVERSION)],
    'RealImageSynthesizer': [
        dict(dataset=dict(type='Digits', image_size=8, split='val'), samples=100)
    ],
}
NEEDS_ARGUMENTS = {'batch_transform', 'generator', 'synthesizer', 'BinaryClassification'}


def cases(registry):
    found = []
    for name in registry.names():
        if not is_ours(registry.get(name)):
            continue  # of a project that the same session tests
        for i, arguments in enumerate(ARGUMENTS.get(name, [])):
            found.append(pytest.param(registry.get(name), arguments, id=f'{name}-{i + 1}'))
        if not {registry.name, name} & NEEDS_ARGUMENTS:
            found.append(pytest.param(registry.get(name), {}, id=name))
        assert registry.name not in NEEDS_ARGUMENTS or name in ARGUMENTS, name
    return pytest.mark.parametrize('component, arguments', found)


@cases(SAMPLERS)
def test_sampler(component, arguments):
    check_sampler(component, **arguments)


@cases(WRITERS)
def test_writer(component, arguments):
    check_writer(component, **arguments)


@cases(BUFFERS)
def test_buffer(component, arguments):
    check_buffer(component, **arguments)


@cases(GENERATORS)
def test_generator(component, arguments):
    check_generator(component, **arguments)


@cases(LOSSES)
@pytest.mark.parametrize(
    'task',
    [None, Segmentation(4), BinaryClassification(), MultiLabelClassification(4)],
    ids=['images', 'pixels', 'binary', 'labels'],
)
def test_loss(component, arguments, task):
    check_loss(component, task, **arguments)


@cases(MODULATIONS)
def test_modulation(component, arguments):
    check_modulation(component, **arguments)


@cases(TASKS)
def test_task(component, arguments):
    check_task(component, **arguments)


@cases(SYNTHESIZERS)
def test_synthesizer(component, arguments):
    check_synthesizer(component, **arguments)


@cases(BATCH_TRANSFORMS)
def test_batch_transform(component, arguments):
    check_batch_transform(component, **arguments)
