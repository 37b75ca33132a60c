"""Train every variant of the ablation over several seeds and print one table.

It is a benchmark whose rows are variants of one config, each as long as the config says.
After an interruption, start the same command again: it keeps finished runs and resumes the
others.
"""

import argparse
import json
from pathlib import Path

from ssdkd.commands.benchmark import add_running
from ssdkd.commands.options import add_config, key_values

# What each variant changes in the config.
VARIANTS = {
    'full': {},
    'no diversity': {'model.modulation.diversity': False},
    'no difficulty': {'model.modulation.difficulty': False},
    'no phi': {'model.modulation.diversity': False, 'model.modulation.difficulty': False},
    # The writer restores balance, too; without either nothing does.
    'no phi random writer': {
        'model.modulation.diversity': False,
        'model.modulation.difficulty': False,
        'model.writer': dict(_delete_=True, type='RandomWriter'),
    },
    'uniform sampling': {'model.sampler': dict(_delete_=True, type='UniformSampler')},
}
# Figure 2 of the paper: the buffer with and without what balances it.
BALANCE = ('full', 'no phi', 'no phi random writer')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        '--seeds', nargs='+', type=int, default=[0, 1, 2], help='default: 0 1 2'
    )
    parser.add_argument(
        '--variants',
        nargs='+',
        choices=list(VARIANTS),
        default=list(VARIANTS),
        help='default: all of them',
    )
    parser.add_argument(
        '--out',
        '--work-dir',
        dest='work_dir',
        help='folder (default: work_dirs/ablation_<config name>)',
    )
    add_running(parser)
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help='change config values in all variants',
    )
    parser.set_defaults(methods=None, retry_failed=True)


def run(args: argparse.Namespace) -> None:
    from ssdkd.benchmark import make_spec
    from ssdkd.benchmark.session import quiet, run_specs
    from ssdkd.config.read import read_config

    quiet()
    name = Path(read_config(args.config, None, args.method, args.budget).filename).stem
    out = Path(args.work_dir or f'work_dirs/ablation_{name}')
    spec = make_spec(specification(args), Path(f'ablation_{name}.py'))
    keep_setting(args, out)
    run_specs({'': spec}, out, args)


def specification(args: argparse.Namespace) -> dict:
    """The ablation as a specification of ``ssdkd benchmark``."""
    from ssdkd.config.names import is_pair

    base = dict(config=args.config)
    if args.method or args.budget or is_pair(args.config):
        base = dict(pair=args.config, method=args.method or 'ssdkd', budget=args.budget)
    names = {label: label.replace(' ', '_') for label in args.variants}
    return dict(
        base=base,
        variants={label: VARIANTS[label] for label in args.variants},
        seeds=args.seeds,
        budget='config',
        metric=None,
        options=key_values(args.cfg_options),
        ours=names.get('full'),
        balance=[names[label] for label in BALANCE if label in names],
    )


def keep_setting(args: argparse.Namespace, out: Path) -> None:
    """Keep what the cells of a folder have in common: those of others must not join them.

    Raises:
        ConfigError: The folder holds an ablation of something else.
    """
    from ssdkd.atomic import write_whole
    from ssdkd.config.names import find_config, is_pair
    from ssdkd.errors import ConfigError

    config = args.config
    if Path(config).is_file() or not is_pair(config):
        config = str(find_config(config).resolve())
    setting = dict(config=config, cfg_options=args.cfg_options)
    chosen = dict(method=args.method, budget=args.budget)
    setting |= {key: value for key, value in chosen.items() if value}
    record = out / 'setting.json'
    kept = json.loads(record.read_text()) if record.is_file() else setting
    if kept != setting and any(out.glob('*/seed_*')):
        raise ConfigError(
            f"--out: '{out}' holds an ablation with another config or other "
            f'--cfg-options (see {record}); choose another folder'
        )
    if not (args.dry_run or args.report_only):
        out.mkdir(parents=True, exist_ok=True)
        write_whole(record, json.dumps(setting, indent=2) + '\n')
