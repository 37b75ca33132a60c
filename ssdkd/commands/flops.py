"""Print parameters, FLOPs and activations of teacher, student and generator.

fvcore counts them for one image. A multiplication with its addition is one FLOP; elementwise
operations are not counted. Activations are the outputs of convolutions and matrix products.
"""

import argparse

from ssdkd.commands.options import add_cfg_options, add_config, add_image_size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_image_size(parser, ', of the images that teacher and student see')
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    from ssdkd.apis import check_distils, load_config, sample_size
    from ssdkd.apis.flops import costs, table

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
