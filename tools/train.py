"""Distil a teacher into a student without data."""

import argparse

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
from mmengine.config import Config, DictAction
from ssdkd.apis import check_data, command, load_config, resumable
from ssdkd.engine import StrictRunner
from ssdkd.engine.distributed import join_processes
from ssdkd.runs import check_unused, locked, resume_point


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, such as configs/cls/*.py')
    parser.add_argument(
        '--work-dir', help='where logs and checkpoints go (default: work_dirs/<config name>)'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from this checkpoint, or, without a value, from the '
        'newest in the work directory',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision (bfloat16)')
    parser.add_argument('--seed', type=int, help="random seed (default: the config's)")
    parser.add_argument(
        '--tensorboard', action='store_true', help='also write scalars for TensorBoard'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change config values, e.g. model.batch_size=64',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes were started',
    )
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS
    )
    return parser.parse_args()


def apply_args(cfg: Config, args: argparse.Namespace) -> None:
    """Write the command line into the config."""
    cfg.launcher = args.launcher
    if args.launcher != 'none':
        cfg.model_wrapper_cfg = dict(type='ssdkd.DistributedDistiller')
    if args.amp:
        cfg.model.autocast = 'bfloat16'
    if args.tensorboard:
        cfg.visualizer.vis_backends.append(dict(type='TensorboardVisBackend'))
    if args.resume:
        checkpoint = resume_point(args.resume, cfg.work_dir)
        if checkpoint is None:
            print(f"--resume: no checkpoint in '{cfg.work_dir}' yet, starting anew", flush=True)
        cfg.load_from = None if checkpoint is None else str(checkpoint)
        cfg.resume = checkpoint is not None
    else:
        check_unused(
            cfg.work_dir, 'go on with --resume, choose another --work-dir, or remove it'
        )


@command
def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    check_data(cfg, 'val_dataloader')
    with locked(cfg.work_dir, args.launcher), resumable(cfg.work_dir):
        apply_args(cfg, args)
        join_processes(args.launcher)
        StrictRunner.from_cfg(cfg).train()


if __name__ == '__main__':
    main()
