"""Write the synthetic samples of a run as image files that any trainer reads.

Classification: CLASS/INDEX.png, the layout of torchvision's ImageFolder. The class is the
teacher's prediction. Several labels: images/INDEX.png and labels.json, with the labels that the
teacher predicts for each. Segmentation: img_dir/train and ann_dir/train, the layout of mmseg,
with the teacher's prediction for each pixel. manifest.json holds the classes, the
normalisation, and for each sample the teacher's confidence, its priority and its age.

A config of ssdkd reads the folder as dict(type='ImageFolder', root=FOLDER), and several labels
as dict(type='LabelledImages', root=FOLDER/images, labels=FOLDER/labels.json, num_labels=L).
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import TYPE_CHECKING

from ssdkd.commands.options import add_cfg_options, add_config

if TYPE_CHECKING:
    from mmengine.config import Config

    from ssdkd.buffers import StoredSamples
    from ssdkd.models import Network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        'checkpoint', help='round_*.pth, or a work directory (its newest round)'
    )
    parser.add_argument(
        '--out', help="folder to write (default: 'exported_samples' beside the checkpoint)"
    )
    add_cfg_options(parser)


def build_teacher(cfg: Config) -> Network:
    """The teacher, on the accelerator if there is one."""
    import torch

    from ssdkd.apis import build_network

    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    return build_network(cfg, 'teacher').to(device)


def manifest_facts(cfg: Config, args: argparse.Namespace, samples: StoredSamples) -> dict:
    """The head of the manifest."""
    import numpy as np

    from ssdkd.apis import network_config
    from ssdkd.mmseg import dataset_facts
    from ssdkd.models.normalisation import stated_normalisation

    meta, _ = dataset_facts(cfg)
    teacher = network_config(cfg, 'teacher')
    mean, std = teacher.get('mean'), teacher.get('std')
    if mean is None and std is None:
        mean, std = stated_normalisation(teacher.get('model'))
    return dict(
        config=args.config,
        checkpoint=str(samples.path),
        task=cfg.model.task.type,
        num_classes=len(samples.class_counts) or cfg.model.task.get('num_classes', 2),
        classes=list((meta or {}).get('classes') or cfg.get('classes') or []) or None,
        image_size=list(samples.columns['image'].shape[-2:]),
        mean=None if mean is None else np.atleast_1d(mean).tolist(),
        std=None if std is None else np.atleast_1d(std).tolist(),
    )


def run(args: argparse.Namespace) -> None:
    import torch
    from mmengine.utils import track_iter_progress

    from ssdkd.apis import check_distils, load_config
    from ssdkd.buffers import read_samples
    from ssdkd.distillers.teacher_checks import take_logits
    from ssdkd.export.samples import (
        distinct_colours,
        teacher_labels,
        write_image_folder,
        write_labelled_images,
        write_segmentation_folder,
    )
    from ssdkd.mmseg import dataset_facts
    from ssdkd.registry import TASKS

    cfg = load_config(args)
    check_distils(cfg)
    samples = read_samples(args.checkpoint)
    out = Path(args.out) if args.out else samples.path.with_name('exported_samples')
    facts = manifest_facts(cfg, args, samples)
    task = TASKS.build(copy.deepcopy(cfg.model.task))
    num_classes, images = task.num_classes, samples.columns['image']
    empty = []
    if task.cases == 'pixels':
        meta, _ = dataset_facts(cfg)
        palette = (meta or {}).get('palette') or distinct_colours(num_classes)
        maps = teacher_labels(build_teacher(cfg), images, lambda logits: logits.argmax(dim=1))
        write_segmentation_folder(samples, maps, palette, out, facts, track_iter_progress)
    elif task.cases == 'labels':
        teacher = build_teacher(cfg)
        take_logits(teacher, images.shape[2:], task)
        labels = teacher_labels(teacher, images, lambda logits: logits > 0)
        labels = torch.stack(list(labels))
        write_labelled_images(samples, labels, out, facts, track_iter_progress)
    else:
        labels = samples.labels
        if labels is None:  # this buffer asked the teacher nothing
            teacher = build_teacher(cfg)
            take_logits(teacher, images.shape[2:], task)
            read = teacher_labels(teacher, images, lambda z: task.classify(z).label)
            labels = torch.stack(list(read))
        empty = write_image_folder(
            samples, labels, num_classes, out, facts, track_iter_progress
        )
    print(f'\n{len(samples)} samples of {samples.path} are in {out}')
    if empty:
        names = ', '.join(map(str, empty[:10])) + (', ...' if len(empty) > 10 else '')
        print(
            f'{len(empty)} of {num_classes} classes have no sample ({names}): '
            "torchvision's ImageFolder then needs allow_empty=True"
        )
