"""Export a student (or any network of a config) and check the file against the module.

state_dict writes the weights of the plain network, which takes normalised images; for a
segmentor of mmseg it also writes a config for mmseg's init_model. The other formats include the
normalisation: they take images [N, C, H, W] in [0, 1], RGB if C is 3, with any N and a fixed
size, and return logits.
"""

import argparse
import sys
from pathlib import Path

from ssdkd.commands.options import add_cfg_options, add_config, add_image_size, add_role
from ssdkd.errors import ConfigError

FORMATS = ('state_dict', 'torchscript', 'onnx', 'exported_program')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        'checkpoint', help='student.pth, a round_*.pth, or any state dict of the student'
    )
    parser.add_argument(
        '--format', choices=FORMATS, default='onnx', help='format of the file (default: onnx)'
    )
    parser.add_argument(
        '--out', help="file to write (default: beside the checkpoint, with the format's suffix)"
    )
    add_role(parser)
    add_image_size(parser)
    parser.add_argument(
        '--tolerance',
        type=float,
        default=1e-4,
        help='largest accepted difference, relative to the largest logit if that '
        'exceeds 1 (default: 1e-4)',
    )
    add_cfg_options(parser)


def out_path(args: argparse.Namespace) -> Path:
    """Where the file goes.

    Raises:
        ConfigError: It would overwrite the checkpoint, or torch would not read it.
    """
    from ssdkd.export.student import SUFFIXES

    checkpoint = Path(args.checkpoint)
    default = checkpoint.with_name(checkpoint.stem + SUFFIXES[args.format])
    path = Path(args.out) if args.out else default
    if path.resolve() == checkpoint.resolve():
        raise ConfigError(f"--out: '{path}' is the checkpoint itself; choose another file")
    if args.format == 'exported_program' and path.suffix != '.pt2':
        raise ConfigError(f"--out: '{path}' must end in .pt2, the suffix of this format")
    return path


def run(args: argparse.Namespace) -> None:
    from ssdkd.apis import build_network, load_config, network_config, sample_size
    from ssdkd.export.student import export, require_packages
    from ssdkd.mmseg import dataset_facts

    cfg = load_config(args)
    path = out_path(args)
    require_packages(args.format)
    network = build_network(cfg, args.role, args.checkpoint)
    size = sample_size(cfg, args.image_size)
    model = network_config(cfg, args.role, args.checkpoint)['model']
    difference = export(network, args.format, path, size, model, *dataset_facts(cfg))
    height, width = size
    mean, std = (v.flatten().tolist() for v in (network.mean, network.std))
    if args.format == 'state_dict':
        print(
            f'{path}: load_state_dict into the plain network; normalise images in [0, 1] with'
        )
        print(f'  mean {[round(v, 6) for v in mean]}  std {[round(v, 6) for v in std]}')
    else:
        kind = {1: 'grey ', 3: 'RGB '}.get(network.channels, '')
        shape = f'[N, {network.channels}, {height}, {width}]'
        print(f'{path}: {kind}images {shape} in [0, 1] -> logits')
        print('  any N; height and width are fixed (--image-size); the normalisation is inside')
    print(
        f'largest difference from the module on random images, batches of 1 and 3: '
        f'{difference.largest:.2e} (largest logit {difference.scale:.3g})'
    )
    if not difference.within(args.tolerance):
        print(f'error: that is more than --tolerance {args.tolerance}', file=sys.stderr)
        sys.exit(1)
