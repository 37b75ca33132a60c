"""Unpack CamVid's archives, train.tar and val.tar, to the layout that the configs read.

Each archive holds img_dir/SPLIT/*.jpg and ann_dir/SPLIT/*.png with class ids (void is 255).
"""

import argparse
import tarfile
from pathlib import Path

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
from ssdkd.apis import command
from ssdkd.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', type=Path, help='folder with train.tar and val.tar')
    parser.add_argument(
        'target', type=Path, nargs='?', default='data/camvid', help='default: data/camvid'
    )
    return parser.parse_args()


@command
def main() -> None:
    args = parse_args()
    for split in ('train', 'val'):
        archive = args.source / f'{split}.tar'
        if not archive.is_file():
            raise ConfigError(f"source: there is no '{archive}'")
        with tarfile.open(archive) as tar:
            tar.extractall(args.target, filter='data')
        counts = [
            len(list((args.target / kind / split).iterdir())) for kind in ('img_dir', 'ann_dir')
        ]
        print(f'{split}: {counts[0]} images, {counts[1]} label maps in {args.target}')


if __name__ == '__main__':
    main()
