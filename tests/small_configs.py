"""The shipped configs of distillations, each made small enough for a CPU and a few seconds."""

import copy
import itertools
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

from helpers import NO_VAL, ROOT, save_teacher
from mmengine.config import Config
from segmentation_runs import camvid_options

from ssdkd.apis import load_config
from ssdkd.benchmark import read_spec
from ssdkd.config.names import parts
from ssdkd.config.read import read_config

CONFIGS = ROOT / 'configs'
CLS = sorted((CONFIGS / 'cls').glob('*.py'))
SEG = sorted((CONFIGS / 'seg').glob('*.py')) if find_spec('mmseg') else []
# Pairs of 32x32 images, and those of other images, which go with some methods.
LARGE = [pair for pair in parts('pairs') if pair.startswith('imagenet') or 'deeplab' in pair]
SMALL = [pair for pair in parts('pairs') if pair not in LARGE]
LARGE = [pair for pair in LARGE if find_spec('mmseg') or 'deeplab' not in pair]
# (pair, method) of every composition, and the methods that are compared with SSD-KD.
COMPOSED = list(itertools.product(SMALL, parts('methods')))
PEERS = [method for method in parts('methods') if method != 'ssdkd']
DIGITS_PAIR = 'digits_resnet20_resnet8'
# Methods of configs/benchmarks/camvid.py.
CONTROLS = ['uniform', 'noise'] if find_spec('mmseg') else []


def small(path: Path, folder: Path) -> Config:
    """The config with its own networks and losses, but small batches and few steps.

    The teacher's weights are random. Images shrink to 16 pixels, those of ImageNet and of
    segmentation to 64.
    """
    cfg = Config.fromfile(path)
    large = cfg.model.synthesizer.generator.type == 'DeepGenerator'
    batch, size = 4, 64 if large else 16
    cfg.merge_from_dict(
        {
            'model.synthesizer.batch_size': batch,
            'model.synthesizer.steps': 1,
            'model.synthesizer.generator.width': 8,
            'model.synthesizer.generator.latent_dim': 16,
            'model.synthesizer.generator.image_size': size,
            'model.buffer.capacity': 2 * batch,
            'model.batch_size': batch,
            'train_cfg.max_rounds': 2,
            'train_cfg.warmup_rounds': 1,
            'train_cfg.steps_per_round': 2,
        }
    )
    if cfg.model.synthesizer.get('samples'):
        cfg.model.synthesizer.samples = batch
    if path in SEG:  # a CPU takes three times as long in bfloat16
        cfg.model.autocast = None
    cfg.merge_from_dict(NO_VAL)
    cfg.default_hooks.checkpoint.interval = 2
    teacher = cfg.model.teacher
    for key in ('weights', 'pretrained'):  # nothing is downloaded in a test
        teacher.model.pop(key, None)
        cfg.model.student.model.pop(key, None)
    teacher.checkpoint = save_teacher(teacher.model, folder / 'teacher.pth', size)
    cfg.work_dir = str(folder / 'run')
    return cfg


def small_peer(method: str, folder: Path, pair: str = DIGITS_PAIR) -> Config:
    """A pair and a method with their own parts and losses, but two rounds of small batches."""
    cfg = load_config(Namespace(config=pair, method=method, cfg_options=None))
    batch, synthesizer, size = 4, cfg.model.synthesizer, 64 if pair in LARGE else 16
    if pair in LARGE:  # a CPU takes three times as long in bfloat16; nothing is downloaded
        cfg.model.autocast = None
        cfg.model.teacher.model.pop('weights', None)
    sizes = dict(batch_size=batch, samples=2 * batch, image_size=size)
    for key, value in (sizes | dict(steps=2)).items():
        if key in synthesizer:
            synthesizer[key] = value
    if 'generator' in synthesizer:
        synthesizer.generator.update(width=8, latent_dim=16, image_size=size)
    if synthesizer.type == 'ContrastiveSynthesizer':
        synthesizer.bank_size = 16 * batch  # the full one is gigabytes to build and to save
    if 'dataset' in synthesizer:
        synthesizer.dataset = dict(type='Digits', split='train', image_size=size)
    cfg.model.batch_size = batch
    cfg.model.buffer.capacity = 3 * batch
    cfg.train_cfg.update(max_rounds=2, warmup_rounds=0, steps_per_round=2)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.merge_from_dict(NO_VAL)
    teacher = folder / f'{pair}.pth'
    if not teacher.is_file():
        save_teacher(cfg.model.teacher.model, teacher, image_size=size)
    cfg.model.teacher.checkpoint = str(teacher)
    cfg.work_dir = str(folder / 'run')
    return cfg


def small_control(name: str, folder: Path) -> Config:
    """A control of segmentation on tiny generated data, validation included."""
    control = read_spec('benchmarks/camvid').methods[name]
    cfg = read_config(control.config, copy.deepcopy(control.options))
    options = camvid_options(folder)
    if cfg.model.synthesizer.type == 'NoiseSynthesizer':
        options = {k: v for k, v in options.items() if 'generator' not in k}
        options.pop('model.synthesizer.steps')
        options['model.synthesizer.image_size'] = 64
        options['model.synthesizer.samples'] = options.pop('model.synthesizer.batch_size')
    cfg.merge_from_dict(options)
    cfg.work_dir = str(folder / 'run')
    return cfg
