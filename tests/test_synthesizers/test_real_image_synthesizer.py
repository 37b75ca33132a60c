"""Real images: dealt once a pass, and plainly named."""

import logging
from collections import Counter

import pytest
import torch
from helpers import build_runner
from mmengine.logging import MMLogger
from PIL import Image
from toy import attach, phase

from ssdkd.errors import ConfigError
from ssdkd.synthesizers import RealImageSynthesizer

DIGITS = dict(type='Digits', split='val', image_size=8)  # 360 images


def hands(synthesizer, rounds, rng):
    return [phase(synthesizer, rng=rng)[0] for _ in range(rounds)]


def identities(images):
    """Which images of the data set these are, and how often."""
    return Counter((image * 255).round().byte().numpy().tobytes() for image in images)


@pytest.fixture(scope='module')
def whole():
    dataset = RealImageSynthesizer(DIGITS, 1).dataset
    return identities([dataset[i]['inputs'] / 255 for i in range(len(dataset))])


@pytest.mark.parametrize('samples', [40, 50, 360])
def test_every_image_is_dealt_once_a_pass(whole, samples):
    synthesizer = attach(RealImageSynthesizer(DIGITS, samples))
    rounds = 5 * 360 // samples
    images = torch.cat(hands(synthesizer, rounds, torch.Generator().manual_seed(0)))
    assert images.shape == (1800, 3, 8, 8) and images.dtype == torch.float32
    assert 0 <= images.min() and images.max() <= 1
    passes = [identities(images[i : i + 360]) for i in range(0, 1800, 360)]
    assert passes == [whole] * 5
    assert not torch.equal(images[:360], images[360:720])  # in another order


def test_a_batch_larger_than_the_data_set(whole):
    synthesizer = attach(RealImageSynthesizer(DIGITS, 800))
    (images,) = hands(synthesizer, 1, torch.Generator().manual_seed(0))
    found = identities(images[:720])
    assert found == Counter({k: 2 * v for k, v in whole.items()})


def test_the_pass_is_part_of_the_state():
    straight = attach(RealImageSynthesizer(DIGITS, 100))
    rng = torch.Generator().manual_seed(0)
    hands(straight, 2, rng)
    state, rng_state = straight.state_dict(), rng.get_state()
    resumed = attach(RealImageSynthesizer(DIGITS, 100))
    resumed.load_state_dict({k: v.clone() for k, v in state.items()})
    expected = hands(straight, 6, rng)
    rng.set_state(rng_state)
    assert torch.equal(torch.cat(hands(resumed, 6, rng)), torch.cat(expected))


def test_it_says_that_it_is_not_data_free():
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        attach(RealImageSynthesizer(DIGITS, 100))
    finally:
        logger.removeHandler(handler)
    (record,) = [r for r in records if 'RealImageSynthesizer' in r.getMessage()]
    assert record.levelno == logging.WARNING
    assert '360 REAL images' in record.getMessage()
    assert 'not data-free' in record.getMessage()
    assert 'NOT DATA-FREE' in RealImageSynthesizer.__doc__


def test_labels_are_not_looked_at():
    synthesizer = attach(RealImageSynthesizer(DIGITS, 100))
    synthesizer.dataset.labels = [None] * 360
    hands(synthesizer, 4, torch.Generator().manual_seed(0))


def test_images_of_two_sizes(tmp_path):
    (tmp_path / 'cat').mkdir()
    for side in (8, 9):
        Image.new('RGB', (side, side)).save(tmp_path / f'cat/{side}.png')
    cfg = dict(type='ImageFolder', root=str(tmp_path))
    with pytest.raises(ConfigError, match='but a batch needs one size; set its image_size'):
        phase(attach(RealImageSynthesizer(cfg, 2)))
    cfg['image_size'] = 8
    assert phase(attach(RealImageSynthesizer(cfg, 2)))[0].shape == (2, 3, 8, 8)


def test_trains_a_student(tiny):
    cfg = tiny({'train_cfg.warmup_rounds': 0})
    cfg.model.synthesizer = dict(
        type='RealImageSynthesizer',
        dataset=dict(type='Digits', image_size=16),
        samples=16,
    )
    runner = build_runner(cfg)
    runner.train()
    assert list(runner.optim_wrapper.keys()) == ['student']
    assert len(runner.model.buffer) == 64
