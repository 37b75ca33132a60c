"""Evaluate a student, or with --teacher the teacher, on the config's test set."""

import argparse
from tempfile import TemporaryDirectory

from ssdkd.commands.options import add_cfg_options, add_config, add_role
from ssdkd.errors import ConfigError
from ssdkd.words import count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser, 'config of the distillation or of the teacher')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='student.pth, a round_*.pth, or any state dict of the network; '
        'optional with --teacher (the config names it)',
    )
    parser.add_argument(
        '--show-dir',
        help='segmentation: write image, prediction, teacher and ground truth of each test '
        'image side by side into this folder',
    )
    add_role(parser)
    parser.add_argument(
        '--teacher',
        dest='role',
        action='store_const',
        const='teacher',
        help='evaluate the teacher instead; the same as --role teacher',
    )
    parser.add_argument(
        '--work-dir', help='keep the log in this folder (default: it is not kept)'
    )
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    with TemporaryDirectory() as folder:
        args.work_dir = args.work_dir or folder
        _run(args)


def _run(args: argparse.Namespace) -> None:
    from ssdkd.apis import check_data, check_sets, load_config, network_config
    from ssdkd.apis.networks import stated_size
    from ssdkd.engine import StrictRunner
    from ssdkd.evaluation.chance import at_chance
    from ssdkd.mmseg import is_mmseg_config

    cfg = load_config(args)
    if cfg.get('test_dataloader') is None:
        raise ConfigError(f"'{args.config}' has no test_dataloader; add one to evaluate")
    check_data(cfg, 'test_dataloader')
    distils = 'task' in cfg.model
    if distils:
        task = cfg.model.task
    else:  # a teacher's own config; the number of classes plays no part in its predictions
        kind = 'Segmentation' if is_mmseg_config(cfg.model) else 'Classification'
        task = dict(type=kind, num_classes=2)
    size, hooks = stated_size(cfg), []
    if args.show_dir:
        if task['type'] != 'Segmentation':
            raise ConfigError(f'--show-dir shows segmentations, not {task["type"]}')
        teacher = None
        if distils and args.role != 'teacher':
            teacher = dict(type='Predictor', network=network_config(cfg, 'teacher'), task=task)
        hooks = [dict(type='PanelHook', out_dir=args.show_dir, teacher=teacher)]
    cfg.model = dict(
        type='Predictor',
        network=network_config(cfg, args.role, args.checkpoint),
        task=task,
    )
    for key in (
        'train_cfg',
        'train_dataloader',
        'optim_wrapper',
        'param_scheduler',
        'val_cfg',
        'val_dataloader',
        'val_evaluator',
        'load_from',
        'resume',
    ):
        cfg.pop(key, None)
    cfg.custom_hooks = hooks
    runner = StrictRunner.from_cfg(cfg)
    num_classes = runner.model.task.num_classes if distils else None
    check_sets(runner, runner.model.network, 'test', num_classes=num_classes, image_size=size)
    images, role = len(runner.test_dataloader.dataset), args.role if distils else 'network'
    runner.logger.info(f'Test of the {role} on {count(images, "image")}')
    metrics = runner.test()
    said = at_chance(role, metrics, num_classes, images) if distils else None
    if said is not None:
        runner.logger.warning(said)
