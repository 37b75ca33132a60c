"""A run that was stopped and resumed gives the same student, whatever makes the samples."""

from pathlib import Path

import pytest
import torch
from helpers import NO_VAL, build_runner
from mmengine.config import Config


def generator_part(cfg):
    old = cfg.model.synthesizer
    return dict(generator=old.generator, losses=old.losses, batch_size=16, steps=2)


SYNTHESIZERS = {
    'fresh samples': lambda cfg: dict(type='GeneratorSynthesizer', samples=24),
    'fomaml': lambda cfg: dict(type='MetaSynthesizer', reset_share=0.8),
    'reptile': lambda cfg: dict(type='MetaSynthesizer', outer='reptile', reset_share=0.4),
    'contrastive': lambda cfg: dict(  # whose last step is the best, and differs visibly
        type='ContrastiveSynthesizer',
        steps=5,
        generator_lr=0.02,
        contrast_weight=10.0,
        bank_size=40,
        negatives=20,
        head_dim=8,
    ),
}


def config(tiny, name):
    cfg = tiny(NO_VAL | {'default_hooks.checkpoint.max_keep_ckpts': -1})
    cfg.train_cfg.warmup_rounds = 0
    cfg.train_cfg.max_rounds = 5
    old = cfg.model.synthesizer
    if name == 'real':
        cfg.model.synthesizer = dict(
            type='RealImageSynthesizer',
            dataset=dict(type='Digits', image_size=16, split='val'),
            samples=60,  # a pass is six rounds
        )
    elif name == 'pixel':
        cfg.model.synthesizer = dict(
            type='PixelSynthesizer', image_size=16, losses=old.losses, batch_size=16, steps=2
        )
    else:
        cfg.model.synthesizer = generator_part(cfg) | SYNTHESIZERS[name](cfg)
    return cfg


def train(cfg):
    runner = build_runner(cfg)
    runner.train()
    return {k: v.clone() for k, v in runner.model.state_dict().items()}


def resumed(cfg, checkpoint):
    cfg = Config(cfg.to_dict())
    cfg.work_dir += '_resumed'
    cfg.load_from, cfg.resume = str(checkpoint), True
    return train(cfg)


@pytest.mark.parametrize('name', [*SYNTHESIZERS, 'pixel', 'real'])
def test_resumed_equals_straight(tiny, name):
    cfg = config(tiny, name)
    straight = train(cfg)
    checkpoint = Path(cfg.work_dir) / 'round_3.pth'
    again = resumed(cfg, checkpoint)
    assert straight.keys() == again.keys()
    different = [k for k in straight if not torch.equal(straight[k], again[k])]
    assert not different, different


@pytest.mark.parametrize(
    'name, lost',
    [
        ('contrastive', 'synthesizer.bank'),
        ('contrastive', 'synthesizer.banked'),
        ('contrastive', 'synthesizer.head.0.weight'),
        ('real', 'synthesizer.dealt'),
        ('real', 'synthesizer.order'),
    ],
)
def test_check_sees_a_lost_part_of_the_state(tiny, name, lost):
    cfg = config(tiny, name)
    straight = train(cfg)
    path = Path(cfg.work_dir) / 'round_3.pth'
    checkpoint = torch.load(path, weights_only=False)
    value = checkpoint['state_dict'][lost]
    checkpoint['state_dict'][lost] = value.flip(0) if value.ndim else torch.zeros_like(value)
    torch.save(checkpoint, path)
    again = resumed(cfg, path)
    different = [k for k in straight if not torch.equal(straight[k], again[k])]
    assert any(k.startswith('student.') for k in different)
