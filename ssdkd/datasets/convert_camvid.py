"""CamVid's archives, unpacked to the layout that the configs read.

Each archive holds img_dir/SPLIT/*.jpg and ann_dir/SPLIT/*.png with class ids (void is 255).
"""

from pathlib import Path

import numpy as np
from PIL import Image

from ssdkd.datasets.check_labels import CheckLabels
from ssdkd.datasets.convert import new_folder
from ssdkd.datasets.files import naming
from ssdkd.datasets.sources import Archive, walk
from ssdkd.errors import ConfigError

NUM_CLASSES = 11
MAX_BYTES = 2**26  # of one file; those of CamVid have a few hundred thousand
KINDS = {'img_dir': '.jpg', 'ann_dir': '.png'}


def names_of(archive: Archive, split: str) -> list[str]:
    """The names that have both an image and a label map; there must be no other files."""
    found = {kind: set() for kind in KINDS}
    for file in walk(archive)[1]:
        path = Path(file)
        kind = path.parts[0]
        if path.parts[1:-1] != (split,) or path.suffix != KINDS.get(kind):
            raise ConfigError(
                f'source: {archive.describe(file)} is neither img_dir/{split}/*.jpg nor '
                f'ann_dir/{split}/*.png; choose the archive of CamVid in this layout'
            )
        if archive.size(file) > MAX_BYTES:
            raise ConfigError(
                f'source: {archive.describe(file)} has {archive.size(file):,} bytes, far more '
                'than an image of CamVid; choose the archive of CamVid'
            )
        found[kind].add(path.stem)
    alone = sorted(found['img_dir'] ^ found['ann_dir'])
    if alone or not found['img_dir']:
        what = f"only one of image and label map for '{alone[0]}'" if alone else 'no images'
        raise ConfigError(f"source: '{archive.path}' has {what}; copy the archive again")
    return sorted(found['img_dir'])


def check_pair(archive: Archive, image: str, labels: str) -> None:
    """Both can be decoded, and the label map is one of this image and of CamVid's classes."""
    with naming(archive.describe(image)), Image.open(archive.open(image)) as opened:
        opened.load()
        size = opened.height, opened.width
    with naming(archive.describe(labels)), Image.open(archive.open(labels)) as opened:
        ids = np.asarray(opened)
    CheckLabels(NUM_CLASSES)(
        dict(gt_seg_map=ids, seg_map_path=f'{archive.path}: {labels}', ori_shape=size)
    )


def convert_camvid(source: Path, target: Path) -> None:
    """Unpack ``train.tar`` and ``val.tar`` of a folder.

    Raises:
        ConfigError: They are not CamVid in the expected layout.
    """
    counts = {}
    with new_folder(target) as folder:
        for split in ('train', 'val'):
            path = source / f'{split}.tar'
            if not path.is_file():
                raise ConfigError(f"source: there is no '{path}'; docs/data.md says what it is")
            archive = Archive(path)
            names = names_of(archive, split)
            for kind in KINDS:
                (folder / kind / split).mkdir(parents=True)
            for name in names:
                files = [f'{kind}/{split}/{name}{suffix}' for kind, suffix in KINDS.items()]
                check_pair(archive, *files)
                for file in files:
                    (folder / file).write_bytes(archive.open(file).read())
            counts[split] = len(names)
    for split, count in counts.items():
        print(f'{split}: {count} images, {count} label maps in {target}')
