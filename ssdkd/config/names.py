"""The shipped configs by name: ``cls/digits_resnet20_resnet8`` for the file in ``configs/``."""

import ast
from pathlib import Path

from ssdkd.errors import ConfigError, nearest
from ssdkd.paths import CONFIGS

# Marks a name as one of ours where a path could stand, as in OpenMMLab's other packages.
PREFIX = 'ssdkd::'


def find_config(name: str | Path) -> Path:
    """The file of a config.

    Args:
        name (str | Path): A path, or the name of a shipped config: its path in ``configs/``,
            with or without ``ssdkd::`` before it and ``.py`` after it. A path goes first.

    Raises:
        ConfigError: There is no such file.
    """
    path = Path(name)
    if path.is_file():
        return path
    plain = str(name).removeprefix(PREFIX).removeprefix('configs/').removesuffix('.py')
    if '..' not in Path(plain).parts and (CONFIGS / f'{plain}.py').is_file():
        return CONFIGS / f'{plain}.py'
    hint = nearest(plain, list(shipped_configs()))
    if 'did you mean' not in hint:  # all names would fill the screen
        hint = "; 'ssdkd list configs' names the shipped ones"
    raise ConfigError(f"there is no config '{name}'{hint}")


def shipped_configs() -> dict[str, Path]:
    """Name -> file of every config that can be named, those that are only a base left out."""
    return {
        path.relative_to(CONFIGS).with_suffix('').as_posix(): path
        for path in sorted(CONFIGS.rglob('*.py'))
        if not path.relative_to(CONFIGS).parts[0].startswith('_')
    }


def summary(path: Path) -> str:
    """The first line of a config's docstring; empty without one."""
    doc = ast.get_docstring(ast.parse(path.read_text())) or ''
    return doc.partition('\n')[0]


def complete_config(prefix: str, **_: object) -> list[str]:
    """What a tab can make of the beginning of a config's name or path."""
    folder = Path(prefix).parent if not prefix.endswith('/') else Path(prefix)
    here = folder.iterdir() if folder.is_dir() else ()
    files = [f'{path}/' if path.is_dir() else str(path) for path in here]
    files = [file for file in files if file.endswith(('/', '.py'))]
    return [name for name in (*shipped_configs(), *files) if name.startswith(prefix)]
