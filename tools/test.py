"""Evaluate a student, or with --teacher the teacher, on the config's test set."""

import argparse

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
from mmengine.config import Config, DictAction
from mmengine.runner import Runner
from ssdkd.apis import command, load_config
from ssdkd.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file of the distillation or of the teacher')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='student.pth, a round_*.pth, or any state dict of the network; '
        'with --teacher it may be left out (the config names it)',
    )
    parser.add_argument('--teacher', action='store_true', help='evaluate the teacher instead')
    parser.add_argument(
        '--work-dir', help='where the log goes (default: work_dirs/<config name>)'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change config values',
    )
    return parser.parse_args()


def network_config(cfg: Config, teacher: bool, checkpoint: str | None) -> dict:
    """The network to evaluate, as the config of a ``Network`` with its weights."""
    if cfg.model.type == 'Classifier':  # the config of a teacher's own training
        network = dict(cfg.model.network)
    else:
        network = dict(cfg.model.teacher if teacher else cfg.model.student)
        for key in ('mean', 'std'):  # the student is normalised as its teacher
            network.setdefault(key, cfg.model.teacher.get(key))
    network['checkpoint'] = checkpoint or (network.get('checkpoint') if teacher else None)
    if network['checkpoint'] is None and not teacher:
        raise ConfigError('give the checkpoint to evaluate, or --teacher')
    network['type'] = 'Network'
    return network


@command
def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    if cfg.get('test_dataloader') is None:
        raise ConfigError(f"'{args.config}' has no test_dataloader; add one to evaluate")
    cfg.model = dict(
        type='Classifier', network=network_config(cfg, args.teacher, args.checkpoint)
    )
    for key in (
        'train_cfg',
        'train_dataloader',
        'optim_wrapper',
        'param_scheduler',
        'val_cfg',
        'val_dataloader',
        'val_evaluator',
        'custom_hooks',
        'load_from',
    ):
        cfg.pop(key, None)
    Runner.from_cfg(cfg).test()


if __name__ == '__main__':
    main()
