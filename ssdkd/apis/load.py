"""Reading of configs for the commands."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from ssdkd.apis.check import check_config, check_sections
from ssdkd.apis.check_training import check_training
from ssdkd.config.read import read_config
from ssdkd.errors import ConfigError
from ssdkd.interrupt import hinting
from ssdkd.plugins import import_modules
from ssdkd.registry import ALL_REGISTRIES
from ssdkd.runs import latest_checkpoint


@contextmanager
def resumable(work_dir: str | Path) -> Iterator[None]:
    """Name the checkpoint to continue from, if the run is interrupted inside."""

    def hint() -> str:
        last = latest_checkpoint(work_dir)
        if last is None:
            return 'there is no checkpoint yet'
        return f"the same command with --resume continues from '{last}'"

    with hinting(hint):
        yield


def load_config(args: Namespace) -> Config:
    """Read ``args.config``, apply ``--cfg-options`` and ``--seed``, choose the work directory.

    ``args.config`` is a path, the name of a shipped config, or a pair that ``args.method`` and
    ``args.budget`` make a config of. The work directory is ``--work-dir``, otherwise the
    config's, otherwise ``work_dirs/<config name>``, such as ``<pair>_<method>``.

    Raises:
        ConfigError: There is no such file, it cannot be read, it names unknown things, or
            a value that cannot work.
    """
    cfg = read_config(
        args.config,
        args.cfg_options,
        getattr(args, 'method', None),
        getattr(args, 'budget', None),
    )
    if getattr(args, 'seed', None) is not None:
        cfg.randomness = dict(cfg.get('randomness', {}), seed=args.seed)
    if 'model' not in cfg:
        raise ConfigError(
            f"config '{args.config}' has no model; 'ssdkd list configs' names complete configs"
        )
    import_custom(cfg)
    check_config(cfg)
    check_sections(cfg)
    check_training(cfg)
    cfg.work_dir = (
        getattr(args, 'work_dir', None)
        or cfg.get('work_dir')
        or f'work_dirs/{Path(cfg.filename).stem}'
    )
    return cfg


def import_custom(cfg: Config) -> None:
    """Import the modules that ``custom_imports`` names.

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
