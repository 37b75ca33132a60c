"""Convert NYU Depth V2 to the layout that the configs read: 13 classes, void is 255.

SOURCE holds nyu_depth_v2_labeled.mat (images and labels of 894 classes), splits.mat,
classMapping40.mat (894 -> 40 classes) and class13Mapping.mat (40 -> 13). docs/data.md says
where they come from.
"""

import argparse
from pathlib import Path

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
import numpy as np
from mmengine.utils import track_progress
from PIL import Image
from ssdkd.apis import command
from ssdkd.errors import ConfigError

VOID = 255
# File and key of each mapping; in all of them, and in the labels, 0 means unlabelled.
MAPPING_40 = ('classMapping40.mat', 'mapClass')
MAPPING_13 = ('class13Mapping.mat', 'classMapping13')
SPLITS = {'train': 'trainNdxs', 'test': 'testNdxs'}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='folder with the four .mat files')
    parser.add_argument(
        'target', type=Path, nargs='?', default='data/nyuv2', help='default: data/nyuv2'
    )
    return parser.parse_args()


def read(path: Path, key: str) -> np.ndarray:
    """One variable of a .mat file in MATLAB's older format."""
    from scipy.io import loadmat

    if not path.is_file():
        raise ConfigError(f"source: there is no '{path}'")
    try:
        content = loadmat(path)
    except Exception as error:  # Garbage makes scipy fail in every possible way.
        raise ConfigError(f"source: '{path}' cannot be read ({error})") from error
    if key not in content:
        raise ConfigError(f"source: '{path}' has no variable '{key}'")
    return content[key]


def class_table(source: Path) -> np.ndarray:
    """The class 0 ... 12, or VOID, of each label 0 ... 894."""
    to_40 = read(source / MAPPING_40[0], MAPPING_40[1]).ravel().astype(int)
    file, key = MAPPING_13
    mapping = read(source / file, key)
    if not mapping.dtype.names or 'labels13' not in mapping.dtype.names:
        raise ConfigError(f"source: '{source / file}': '{key}' has no field 'labels13'")
    to_13 = mapping['labels13'][0, 0].ravel().astype(int)
    if to_40.max() > len(to_13) or to_13.max() > 13:
        raise ConfigError(
            f"source: '{file}' maps {len(to_13)} classes to {to_13.max()}; "
            f'expected {to_40.max()} to 13'
        )
    table = np.concatenate([[0], to_13])[np.concatenate([[0], to_40])]
    return np.where(table == 0, VOID, table - 1).astype(np.uint8)


def convert(data, index: int, table: np.ndarray, split: str, target: Path) -> None:
    """Write one image and its label map; ``index`` counts from 1, as MATLAB does."""
    # MATLAB's columns come first, and h5py turns the order of all axes round.
    image = data['images'][index - 1].transpose(2, 1, 0)
    labels = data['labels'][index - 1].T
    if labels.max() >= len(table):
        raise ConfigError(
            f'source: image {index} has label {labels.max()}, but {MAPPING_40[0]} maps '
            f'{len(table) - 1} classes'
        )
    Image.fromarray(image).save(target / 'img_dir' / split / f'{index:04d}.jpg', quality=95)
    Image.fromarray(table[labels]).save(target / 'ann_dir' / split / f'{index:04d}.png')


@command
def main() -> None:
    args = parse_args()
    try:
        import h5py
        import scipy.io  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f'reading .mat files needs h5py and scipy ({error}); '
            'run pip install -r requirements/seg.txt'
        ) from error
    path = args.source / 'nyu_depth_v2_labeled.mat'
    if not path.is_file():
        raise ConfigError(f"source: there is no '{path}'")
    table = class_table(args.source)
    splits = {s: read(args.source / 'splits.mat', key) for s, key in SPLITS.items()}
    try:
        data = h5py.File(path, 'r')
        count = len(data['images']), len(data['labels'])
    except (OSError, KeyError) as error:
        raise ConfigError(f"source: '{path}' cannot be read ({error})") from error
    with data:
        for split, indices in splits.items():
            indices = [int(i) for i in indices.ravel()]
            if max(indices) > min(count):
                raise ConfigError(
                    f"source: splits.mat names image {max(indices)}, but '{path}' holds "
                    f'{min(count)}'
                )
            for kind in ('img_dir', 'ann_dir'):
                (args.target / kind / split).mkdir(parents=True, exist_ok=True)
            track_progress(
                lambda i, split=split: convert(data, i, table, split, args.target), indices
            )
            print(f'\n{split}: {len(indices)} images and label maps in {args.target}')


if __name__ == '__main__':
    main()
