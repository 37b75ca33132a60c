"""Tiny data trees in the layouts that the segmentation configs read."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

VOC_SIZES = [(72, 56), (56, 72), (64, 64), (80, 48)]  # width, height


def picture(rng: np.random.Generator, size: tuple[int, int], classes: int) -> tuple:
    """An image [H, W, 3] and its label map [H, W]: blocks of classes, and some void."""
    width, height = size
    blocks = rng.integers(0, classes, (-(-height // 16), -(-width // 16)))
    labels = blocks.repeat(16, 0).repeat(16, 1)[:height, :width].astype(np.uint8)
    colours = rng.integers(0, 256, (classes, 3))
    noise = rng.integers(-20, 20, (height, width, 3))
    image = (colours[labels] + noise).clip(0, 255).astype(np.uint8)
    labels[:4] = 255
    return image, labels


def voc_tree(root: Path) -> Path:
    """VOC 2012 as its archive lies: images of different sizes, label maps with a palette."""
    rng = np.random.default_rng(0)
    for folder in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
        (root / folder).mkdir(parents=True)
    for split in ('train', 'val'):
        names = [f'2007_{split}{i}' for i in range(len(VOC_SIZES))]
        for name, size in zip(names, VOC_SIZES):
            image, labels = picture(rng, size, 21)
            Image.fromarray(image).save(root / f'JPEGImages/{name}.jpg')
            indexed = Image.fromarray(labels, mode='P')
            indexed.putpalette(rng.integers(0, 256, 768).astype(np.uint8).tobytes())
            indexed.save(root / f'SegmentationClass/{name}.png')
        (root / f'ImageSets/Segmentation/{split}.txt').write_text('\n'.join(names) + '\n')
    return root


def split_tree(root: Path, splits: tuple, classes: int, size=(64, 48)) -> Path:
    """img_dir/SPLIT/x.jpg and ann_dir/SPLIT/x.png, as NYUv2 and CamVid lie once converted."""
    rng = np.random.default_rng(0)
    for split in splits:
        for folder in ('img_dir', 'ann_dir'):
            (root / folder / split).mkdir(parents=True)
        for i in range(4):
            image, labels = picture(rng, size, classes)
            Image.fromarray(image).save(root / f'img_dir/{split}/{i:04d}.jpg')
            Image.fromarray(labels).save(root / f'ann_dir/{split}/{i:04d}.png')
    return root


def nyuv2_source(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The four .mat files of NYU Depth V2 with five images of 12x8; returns what is in them.

    Class i of 894 is class (i - 1) % 40 + 1 of 40, and that is class (i - 1) % 13 + 1 of 13.

    Returns:
        tuple: Images [5, 8, 12, 3] and labels [5, 8, 12] of 894 classes, 0 is unlabelled.
    """
    import h5py

    rng = np.random.default_rng(0)
    # Smooth, so that JPEG hardly changes them; no two corners are alike.
    y, x = np.mgrid[:8, :12]
    images = np.stack(
        [np.stack([20 * y + i, 10 * x + i, 5 * (x + y)], axis=-1) for i in range(5)]
    ).astype(np.uint8)
    labels = rng.integers(0, 895, (5, 8, 12)).astype(np.uint16)
    labels[:, 0, 0], labels[:, -1, -1] = 0, 894
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / 'nyu_depth_v2_labeled.mat', 'w') as file:
        file['images'] = images.transpose(0, 3, 2, 1)
        file['labels'] = labels.transpose(0, 2, 1)
    column = dict(trainNdxs=[[2], [5]], testNdxs=[[1], [3], [4]])
    savemat(folder / 'splits.mat', {k: np.array(v, np.uint16) for k, v in column.items()})
    savemat(folder / 'classMapping40.mat', dict(mapClass=np.arange(894)[None] % 40 + 1.0))
    mapping = dict(labels13=np.arange(40)[None] % 13 + 1.0, className=['any'] * 13)
    savemat(folder / 'class13Mapping.mat', dict(classMapping13=mapping))
    return images, labels
