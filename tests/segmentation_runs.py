"""What makes the shipped CamVid config take seconds."""

from pathlib import Path

from helpers import ROOT, save_teacher
from mmengine.config import Config
from segmentation_data import split_tree

CAMVID = ROOT / 'configs/seg/camvid_deeplab.py'
NUM_CLASSES = 11
HEIGHT, WIDTH = 72, 112  # of the generated images

TINY_CAMVID = {
    'model.synthesizer.generator.width': 8,
    'model.synthesizer.generator.latent_dim': 16,
    'model.synthesizer.generator.image_size': 64,
    'model.synthesizer.batch_size': 4,
    'model.synthesizer.steps': 1,
    'model.buffer.capacity': 8,
    'model.batch_size': 4,
    'train_cfg.max_rounds': 3,
    'train_cfg.warmup_rounds': 1,
    'train_cfg.steps_per_round': 1,
    'train_cfg.val_interval': 3,
    'val_dataloader.dataset.pipeline.1.scale': (96, 64),
    'test_dataloader.dataset.pipeline.1.scale': (96, 64),
    'default_hooks.checkpoint.interval': 3,
}


def camvid_options(folder: Path, options: dict | None = None) -> dict:
    """The tiny CamVid run below ``folder``: its val set and its random teacher."""
    if not (folder / 'teacher.pth').exists():
        teacher = Config.fromfile(CAMVID).model.teacher.model
        save_teacher(teacher, folder / 'teacher.pth', image_size=64)
    if not (folder / 'camvid').exists():
        split_tree(folder / 'camvid', ('val',), NUM_CLASSES, size=(WIDTH, HEIGHT))
    roots = {f'{s}_dataloader.dataset.data_root': folder / 'camvid' for s in ('val', 'test')}
    checkpoint = {'model.teacher.checkpoint': folder / 'teacher.pth'}
    return TINY_CAMVID | roots | checkpoint | (options or {})
