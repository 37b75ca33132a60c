"""Convert a data set to the layout that the configs read.

camvid: SOURCE holds train.tar and val.tar, each with img_dir/SPLIT/*.jpg and
ann_dir/SPLIT/*.png of class ids (void is 255).
nyuv2: SOURCE holds nyu_depth_v2_labeled.mat (images and labels of 894 classes), splits.mat,
classMapping40.mat (894 -> 40 classes) and class13Mapping.mat (40 -> 13). The result has 13
classes; void is 255.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('dataset', choices=['camvid', 'nyuv2'], help='which data set')
    parser.add_argument('source', type=Path, help='folder with its files')
    parser.add_argument(
        'target',
        type=Path,
        nargs='?',
        help='a new or empty folder (default: data/<name of the data set>)',
    )


def run(args: argparse.Namespace) -> None:
    target = args.target or Path('data', args.dataset)
    if args.dataset == 'camvid':
        from ssdkd.datasets.convert_camvid import convert_camvid

        convert_camvid(args.source, target)
    else:
        from ssdkd.datasets.convert_nyuv2 import convert_nyuv2

        convert_nyuv2(args.source, target)
