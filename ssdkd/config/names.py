"""The shipped configs by name: ``cls/digits_resnet20_resnet8`` for the file in ``configs/``."""

import ast
import re
from pathlib import Path

from ssdkd.errors import ConfigError, nearest
from ssdkd.paths import CONFIGS, PROJECTS

# What a config can be composed of: the folder in configs/_base_, and what a message calls it.
KINDS = {'pairs': 'pair', 'methods': 'method', 'schedules': 'budget', '': 'part'}
# Marks a name as one of ours where a path could stand, as in OpenMMLab's other packages.
# Images other than 32x32, for which there are settings of their own: ssdkd_imagenet, ssdkd_seg.
IMAGES = ('imagenet', 'seg')
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
    _check_composed(plain)
    raise ConfigError(f"there is no config '{name}'{_similar(str(name))}")


def find_part(kind: str, name: str | Path, missing_ok: bool = False) -> Path | None:
    """The file of a pair, a method or a budget.

    Args:
        kind (str): ``'pairs'``, ``'methods'`` or ``'schedules'``, which are the budgets.
        name (str | Path): Name of a shipped one, a file, or one of the shipped ``projects/``.
        missing_ok (bool): Whether to return None where there is no such file. Defaults to
            False.

    Raises:
        ConfigError: There is no such file.
    """
    if Path(name).is_file():
        return Path(name)
    if str(name).startswith('projects/') and (PROJECTS.parent / name).is_file():
        return PROJECTS.parent / name
    plain = str(name).removeprefix(PREFIX).removeprefix(f'_base_/{kind}/').removesuffix('.py')
    path = CONFIGS / '_base_' / kind / f'{plain}.py'
    if '..' not in Path(plain).parts and path.is_file():
        return path
    if missing_ok:
        return None
    raise ConfigError(f"there is no {KINDS[kind]} '{name}'" + nearest(plain, list(parts(kind))))


def is_pair(name: str | Path) -> bool:
    """Whether this is a shipped pair, or a file that names networks and has no model."""
    if not Path(name).is_file():
        return str(name) in parts('pairs')
    try:
        tree = ast.parse(Path(name).read_text())
    except (SyntaxError, UnicodeDecodeError):
        return False  # which whoever reads it reports
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    given = {target.id for target in targets if isinstance(target, ast.Name)}
    return 'model' not in given and bool(given & {'teacher', 'student'})


def parts(kind: str) -> dict[str, Path]:
    """Name -> file of the shipped pairs, methods or budgets.

    What only other files build on is left out: bases that methods share, and what a method
    looks like within a budget.

    Args:
        kind (str): ``'pairs'``, ``'methods'`` or ``'schedules'``, which are the budgets.
    """
    files, budgets = (
        {path.stem: path for path in sorted((CONFIGS / '_base_' / folder).glob('*.py'))}
        for folder in (kind, 'schedules')
    )
    shared = ('with_', 'without_', 'teacher')
    within = {f'{name}_{part}' for name in files for part in (*budgets, *IMAGES)}
    return {
        name: path
        for name, path in files.items()
        if not name.startswith(shared) and name not in within
    }


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
    """Completions of the beginning of a config's name or path."""
    folder = Path(prefix).parent if not prefix.endswith('/') else Path(prefix)
    here = folder.iterdir() if folder.is_dir() else ()
    files = [f'{path}/' if path.is_dir() else str(path) for path in here]
    files = [file for file in files if file.endswith(('/', '.py'))]
    names = (*shipped_configs(), *parts('pairs'), *files)
    return [name for name in names if name.startswith(prefix)]


def _similar(name: str) -> str:
    """The end of a message: names and files that are similar to a missing one."""
    if name.startswith((PREFIX, '_base_/')):
        files = (path.relative_to(CONFIGS) for path in CONFIGS.rglob('*.py'))
        known = [f'{PREFIX}{path.as_posix()}' for path in files]
        if '_base_' not in name:
            known = [path for path in known if '_base_' not in path]
    else:
        known = [*shipped_configs(), *parts('pairs')]
        if name.endswith('.py'):
            known += map(str, Path(name).parent.glob('*.py'))
    return nearest(name, known, "'ssdkd list configs' names the shipped ones")


def _check_composed(name: str) -> None:
    """Give the new command for a config that had a file in an earlier version.

    Raises:
        ConfigError: It had one.
    """
    today = None
    if found := re.search(r'(?:^|/)baselines/(\w+)/(.+)_\1$', name):
        today = f'ssdkd train {found[2]} --method {found[1]}'
    elif found := re.search(r'(?:^|/)baselines/camvid_deeplab_(\w+)$', name):
        today = f'ssdkd benchmark benchmarks/camvid --methods {found[1]}'
    elif found := re.search(r'(?:^|/)teachers/(cifar\w*_[\w-]+)$', name):
        pairs = [pair for pair in parts('pairs') if pair.startswith(f'{found[1]}_')]
        today = f'ssdkd train-teacher {pairs[0]}' if pairs else None
    if today:
        raise ConfigError(f"there is no config '{name}' any more; it is composed: {today}")
