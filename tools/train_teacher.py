"""Train a teacher with labels, for those who have a training set."""

import argparse

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
from mmengine.config import DictAction
from ssdkd.apis import check_data, check_sets, command, load_config, resumable
from ssdkd.engine import StrictRunner
from ssdkd.runs import check_unused, locked, resume_point


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, such as configs/teachers/*.py')
    parser.add_argument(
        '--work-dir', help='where logs and checkpoints go (default: work_dirs/<config name>)'
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='continue from the newest checkpoint in the work directory',
    )
    parser.add_argument('--seed', type=int, help="random seed (default: the config's)")
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change config values',
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


@command
def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    check_data(cfg, 'train_dataloader', 'val_dataloader')
    cfg.launcher = args.launcher
    with locked(cfg.work_dir, args.launcher), resumable(cfg.work_dir):
        if args.resume:
            checkpoint = resume_point('auto', cfg.work_dir)
            cfg.resume, cfg.load_from = checkpoint is not None, checkpoint and str(checkpoint)
        else:
            check_unused(
                cfg.work_dir, 'go on with --resume, choose another --work-dir, or remove it'
            )
        runner = StrictRunner.from_cfg(cfg)
        model = getattr(runner.model, 'module', runner.model)
        check_sets(runner, getattr(model, 'network', model), 'train', 'val')
        runner.train()


if __name__ == '__main__':
    main()
