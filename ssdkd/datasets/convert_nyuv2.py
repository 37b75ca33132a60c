"""NYU Depth V2, converted to the layout that the configs read: 13 classes, void is 255.

The source holds nyu_depth_v2_labeled.mat (images and labels of 894 classes), splits.mat,
classMapping40.mat (894 -> 40 classes) and class13Mapping.mat (40 -> 13). The page
on data in the documentation says where they come from.
"""

from pathlib import Path

import numpy as np
from mmengine.utils import track_progress
from PIL import Image

from ssdkd.datasets.convert import new_folder
from ssdkd.errors import ConfigError

VOID = 255
# File and key of each mapping; in all of them, and in the labels, 0 means unlabelled.
MAPPING_40 = ('classMapping40.mat', 'mapClass')
MAPPING_13 = ('class13Mapping.mat', 'classMapping13')
SPLITS = {'train': 'trainNdxs', 'test': 'testNdxs'}
MAX_SIDE = 4096  # of an image, in pixels; those of NYUv2 have 640 and 480


def read(path: Path, key: str) -> np.ndarray:
    """One variable of a .mat file in MATLAB's older format."""
    from scipy.io import loadmat

    if not path.is_file():
        raise ConfigError(f"source: there is no '{path}'")
    try:
        content = loadmat(path)
    except Exception as error:  # Garbage makes scipy fail in every possible way.
        raise ConfigError(
            f"source: '{path}' cannot be read ({error}); download it again"
        ) from error
    if key not in content:
        raise ConfigError(f"source: '{path}' has no variable '{key}'; are the files mixed up?")
    return content[key]


def integers(values: np.ndarray, file: str, verb: str, low: int, high: int) -> np.ndarray:
    """Integers between two bounds; MATLAB stores them as floats, too."""
    if values.size == 0 or values.dtype.kind not in 'iuf':
        raise ConfigError(f'source: {file} holds no numbers; download it again')
    wrong = values[~((values >= low) & (values <= high) & (values % 1 == 0))]
    if wrong.size:
        raise ConfigError(
            f'source: {file} {verb} {wrong[0]:g}, but integers from {low} to {high} are '
            'expected; are the files of one version?'
        )
    return values.ravel().astype(int)


def class_table(source: Path) -> np.ndarray:
    """The class 0 ... 12, or VOID, of each label 0 ... 894."""
    file, key = MAPPING_13
    mapping = read(source / file, key)
    if not mapping.dtype.names or 'labels13' not in mapping.dtype.names or not mapping.size:
        raise ConfigError(f"source: '{source / file}': '{key}' has no field 'labels13'")
    to_13 = integers(np.asarray(mapping['labels13'].flat[0]), file, 'maps to class', 0, 13)
    file, key = MAPPING_40
    to_40 = integers(read(source / file, key), file, 'maps to class', 0, len(to_13))
    table = np.concatenate([[0], to_13])[np.concatenate([[0], to_40])]
    return np.where(table == 0, VOID, table - 1).astype(np.uint8)


def read_splits(source: Path, count: int) -> dict[str, list[int]]:
    """The numbers of the images of each split, from 1 on; no image is named twice."""
    file = source / 'splits.mat'
    splits = {}
    for split, key in SPLITS.items():
        indices = read(file, key)
        splits[split] = integers(indices, file.name, 'names image', 1, count).tolist()
    named = [i for indices in splits.values() for i in indices]
    twice = sorted({i for i in named if named.count(i) > 1})
    if twice:
        raise ConfigError(f"source: '{file}' names image {twice[0]} twice; download it again")
    return splits


def check_data(data, path: Path) -> int:
    """The number of images in the large file, if the forms of its two variables fit."""
    shapes = [getattr(data.get(key), 'shape', ()) for key in ('images', 'labels')]
    fit = len(shapes[0]) == 4 and shapes[0][1] == 3 and max(shapes[0][2:]) <= MAX_SIDE
    if not fit or shapes[1] != (shapes[0][0], *shapes[0][2:]):
        raise ConfigError(
            f"source: '{path}' has 'images' of form {shapes[0]} and 'labels' of form "
            f'{shapes[1]}; expected (N, 3, W, H) and (N, W, H)'
        )
    kinds = data['images'].dtype, data['labels'].dtype.kind
    if kinds[0] != np.uint8 or kinds[1] not in 'iu':
        raise ConfigError(
            f"source: '{path}' has 'images' of {kinds[0]} and 'labels' of "
            f'{data["labels"].dtype}; expected uint8 and integers'
        )
    return shapes[0][0]


def convert(data, index: int, table: np.ndarray, split: str, target: Path) -> None:
    """Write one image and its label map; ``index`` counts from 1, as MATLAB does."""
    try:
        # MATLAB's columns come first, and h5py turns the order of all axes round.
        image = data['images'][index - 1].transpose(2, 1, 0)
        labels = data['labels'][index - 1].T
    except OSError as error:
        raise ConfigError(
            f"source: image {index} of '{data.filename}' cannot be read ({error}); download "
            'the file again'
        ) from error
    if labels.min() < 0 or labels.max() >= len(table):
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise ConfigError(
            f'source: image {index} has label {wrong}, but {MAPPING_40[0]} maps '
            f'{len(table) - 1} classes'
        )
    Image.fromarray(image).save(target / 'img_dir' / split / f'{index:04d}.jpg', quality=95)
    Image.fromarray(table[labels]).save(target / 'ann_dir' / split / f'{index:04d}.png')


def convert_nyuv2(source: Path, target: Path) -> None:
    """Convert the four ``.mat`` files of a folder.

    Raises:
        ConfigError: A package or a file is missing, or a file is not what it should be.
    """
    try:
        import h5py
        import scipy.io  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"reading .mat files needs h5py and scipy ({error}); run pip install 'ssdkd[seg]'"
        ) from error
    path = source / 'nyu_depth_v2_labeled.mat'
    if not path.is_file():
        raise ConfigError(f"source: there is no '{path}'")
    table = class_table(source)
    try:
        data = h5py.File(path, 'r')
    except OSError as error:
        raise ConfigError(
            f"source: '{path}' cannot be read ({error}); download it again"
        ) from error
    with data, new_folder(target) as folder:
        splits = read_splits(source, check_data(data, path))
        for split, indices in splits.items():
            for kind in ('img_dir', 'ann_dir'):
                (folder / kind / split).mkdir(parents=True)
            track_progress(
                lambda i, split=split: convert(data, i, table, split, folder), indices
            )
            print()
    for split, indices in splits.items():
        print(f'{split}: {len(indices)} images and label maps in {target}')
