"""Reading of configs for the commands."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from ssdkd.apis.check import check_config
from ssdkd.apis.check_training import check_training
from ssdkd.errors import ConfigError
from ssdkd.interrupt import hinting
from ssdkd.plugins import import_modules
from ssdkd.registry import ALL_REGISTRIES
from ssdkd.runs import latest_checkpoint

# What reading a config raises that is not as mmengine or Python want it.
UNREADABLE = (ImportError, KeyError, NameError, OSError, SyntaxError, TypeError, ValueError)


@contextmanager
def resumable(work_dir: str | Path) -> Iterator[None]:
    """Let the line on an interrupted run say what it can go on from."""

    def hint() -> str:
        last = latest_checkpoint(work_dir)
        if last is None:
            return 'there is no checkpoint yet'
        return f"the same command with --resume goes on from '{last}'"

    with hinting(hint):
        yield


def load_config(args: Namespace) -> Config:
    """Read ``args.config``, apply ``--cfg-options`` and ``--seed``, choose the work directory.

    The work directory is ``--work-dir``, else the config's, else ``work_dirs/<config name>``.

    Raises:
        ConfigError: There is no such file, it cannot be read, it names unknown things, or
            a value that cannot work.
    """
    path = Path(args.config)
    if not path.is_file():
        raise ConfigError(
            f"there is no config '{args.config}'; configs/ holds the shipped ones"
        )
    try:
        cfg = Config.fromfile(path, import_custom_modules=False)
    except UNREADABLE as error:
        raise ConfigError(f"config '{args.config}': {error}") from error
    if args.cfg_options:
        try:
            cfg.merge_from_dict(args.cfg_options)
        except (IndexError, KeyError, TypeError) as error:
            raise ConfigError(
                f'--cfg-options: {error}; the part of a key before its last dot must name a '
                'dict of the config'
            ) from error
    if getattr(args, 'seed', None) is not None:
        cfg.randomness = dict(cfg.get('randomness', {}), seed=args.seed)
    if 'model' not in cfg:
        raise ConfigError(f"config '{args.config}' has no model; see configs/cls")
    import_custom(cfg)
    check_config(cfg)
    check_training(cfg)
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or f'work_dirs/{path.stem}'
    return cfg


def import_custom(cfg: Config) -> None:
    """Import what ``custom_imports`` names; mmengine's own way finds less and says less.

    Raises:
        ConfigError: It names nothing, or something that cannot be imported.
    """
    custom = cfg.get('custom_imports')
    if not custom:
        return
    if not custom.get('imports') or set(custom) - {'imports', 'allow_failed_imports'}:
        raise ConfigError(
            f"custom_imports={dict(custom)} must be dict(imports='my_module'), or name a "
            'list of modules'
        )
    for registry in ALL_REGISTRIES:  # ours first, so that a name taken twice is the module's
        registry.import_from_location()
    import_modules(custom.imports, custom.get('allow_failed_imports', False))
