"""Distil a teacher into a student without data."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ssdkd.commands.options import add_cfg_options, add_config, add_run_options
from ssdkd.errors import ConfigError

if TYPE_CHECKING:
    from mmengine.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_run_options(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from this checkpoint; without a value, from the newest one in the '
        'work directory',
    )
    parser.add_argument(
        '--minutes',
        type=float,
        help='budget of time, which decides how many rounds there are (default: the rounds of '
        'the config)',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision (bfloat16)')
    parser.add_argument(
        '--tensorboard', action='store_true', help='also write scalars for TensorBoard'
    )
    add_cfg_options(parser, 'change config values, such as model.batch_size=64')


def run(args: argparse.Namespace) -> None:
    from ssdkd.apis import check_data, load_config, resumable
    from ssdkd.engine import StrictRunner
    from ssdkd.engine.distributed import join_processes
    from ssdkd.runs import locked, removed_if_unused

    if args.minutes is not None:
        args.cfg_options = (args.cfg_options or {}) | {'train_cfg.minutes': args.minutes}
    cfg = load_config(args)
    if args.minutes is not None and cfg.train_cfg.get('plan'):
        raise ConfigError(
            f"--minutes {args.minutes:g}: train_cfg.plan='{cfg.train_cfg.plan}' of the config "
            'says the rounds already; add --cfg-options train_cfg.plan=None'
        )
    check_data(cfg, 'val_dataloader')
    with (
        removed_if_unused(cfg.work_dir),
        locked(cfg.work_dir, args.launcher),
        resumable(cfg.work_dir),
    ):
        apply_args(cfg, args)
        join_processes(args.launcher)
        StrictRunner.from_cfg(cfg).train()


def apply_args(cfg: Config, args: argparse.Namespace) -> None:
    """Write the command line into the config."""
    from ssdkd.runs import check_unused, resume_point

    cfg.launcher = args.launcher
    if args.launcher != 'none':
        cfg.model_wrapper_cfg = dict(type='ssdkd.DistributedDistiller')
    if args.amp:
        cfg.model.autocast = 'bfloat16'
    if args.tensorboard:
        add_tensorboard(cfg)
    if args.resume:
        checkpoint = resume_point(args.resume, cfg.work_dir)
        if checkpoint is None:
            print(
                f"--resume: no checkpoint in '{cfg.work_dir}' yet, starting from the beginning",
                flush=True,
            )
        cfg.load_from = None if checkpoint is None else str(checkpoint)
        cfg.resume = checkpoint is not None
    else:
        check_unused(
            cfg.work_dir, 'continue with --resume, choose another --work-dir, or remove it'
        )


def add_tensorboard(cfg: Config) -> None:
    """Let the visualizer write for TensorBoard, too, unless it does so already."""
    visualizer = dict(cfg.get('visualizer') or dict(type='Visualizer'))
    backends = list(visualizer.get('vis_backends') or [])
    if not any('TensorboardVisBackend' in str(backend['type']) for backend in backends):
        backends.append(dict(type='TensorboardVisBackend'))
    cfg.visualizer = dict(visualizer, vis_backends=backends)
