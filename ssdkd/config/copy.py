"""Copies of configs that work anywhere."""

import ast
from pathlib import Path

from ssdkd.config.names import PREFIX
from ssdkd.paths import CONFIGS


def copied_text(path: Path) -> str:
    """The text of a config, with bases that are found from any folder.

    Bases in ``configs/`` are named, others get their whole path; the rest, comments included,
    stays as it is.
    """
    text = path.read_text()
    tree = ast.parse(text)
    base = next(filter(_is_base, tree.body), None)
    if base is None:
        return text
    value = ast.literal_eval(base.value)
    bases = [_anywhere(entry, path.parent) for entry in _as_list(value)]
    lines = text.splitlines(keepends=True)
    if isinstance(value, list):
        new = ['_base_ = [\n', *(f'    {entry!r},\n' for entry in bases), ']\n']
    else:
        new = [f'_base_ = {bases[0]!r}\n']
    return ''.join([*lines[: base.lineno - 1], *new, *lines[base.end_lineno :]])


def _is_base(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_'


def _as_list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def _anywhere(base: str, folder: Path) -> str:
    if '::' in base:
        return base
    file = (folder / base).resolve()
    if file.is_relative_to(CONFIGS):
        return PREFIX + file.relative_to(CONFIGS).as_posix()
    return str(file)
