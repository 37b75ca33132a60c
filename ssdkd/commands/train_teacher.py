"""Train a teacher on a labelled training set."""

import argparse

from ssdkd.commands.options import add_cfg_options, add_config, add_run_options
from ssdkd.config.names import is_pair


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser, 'config of the teacher, or the pair that it is of', composed=False)
    add_run_options(parser)
    parser.add_argument(
        '--resume',
        action='store_true',
        help='continue from the newest checkpoint in the work directory',
    )
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    from ssdkd.apis import check_data, check_sets, load_config, resumable
    from ssdkd.engine import StrictRunner
    from ssdkd.runs import check_unused, locked, removed_if_unused, resume_point

    args.method = 'teacher' if is_pair(args.config) else None
    cfg = load_config(args)
    check_data(cfg, 'train_dataloader', 'val_dataloader')
    cfg.launcher = args.launcher
    with (
        removed_if_unused(cfg.work_dir),
        locked(cfg.work_dir, args.launcher),
        resumable(cfg.work_dir),
    ):
        if args.resume:
            checkpoint = resume_point('auto', cfg.work_dir)
            cfg.resume, cfg.load_from = checkpoint is not None, checkpoint and str(checkpoint)
        else:
            check_unused(
                cfg.work_dir, 'continue with --resume, choose another --work-dir, or remove it'
            )
        runner = StrictRunner.from_cfg(cfg)
        model = getattr(runner.model, 'module', runner.model)
        check_sets(runner, getattr(model, 'network', model), 'train', 'val')
        runner.train()
