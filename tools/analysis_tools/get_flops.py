"""Print parameters, FLOPs and activations of teacher, student and generator.

Counted by fvcore for one image: a multiplication and its addition are one FLOP, elementwise
operations are left out; activations are the outputs of convolutions and matrix products.
"""

import argparse

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
from mmengine.config import DictAction
from ssdkd.apis import check_distils, command, load_config, sample_size
from ssdkd.apis.flops import costs, table


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file of the distillation')
    parser.add_argument(
        '--image-size',
        nargs='+',
        type=int,
        metavar='PIXELS',
        help='one side, or height and width, of the images that teacher and student see '
        '(default: that of the synthetic images)',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change config values',
    )
    args = parser.parse_args()
    args.work_dir = None
    return args


@command
def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    check_distils(cfg)
    size = sample_size(cfg, args.image_size)
    found = costs(cfg, size)
    print(f'images of {size[0]}x{size[1]} pixels')
    print(table(found))
    if 'generator' not in found:
        print('the method has no generator')
    uncounted = sorted({name for cost in found.values() for name in cost.uncounted})
    if uncounted:
        print(f'not counted: {", ".join(uncounted)}')


if __name__ == '__main__':
    main()
