"""Methods of a benchmark that differ from one base in named changes of its config."""

import itertools
import re
from collections.abc import Iterator

from ssdkd.errors import ConfigError

EXAMPLE = "variants={'full': {}, 'plain': {'model.normalize': False}}"


def variant_methods(raw: dict) -> dict[str, dict]:
    """The methods that ``base``, ``variants`` and ``switches`` of a specification stand for.

    Each is the base with the changes of a variant, or of a combination of switches, as
    further options.

    Args:
        raw: The specification.

    Returns:
        dict[str, dict]: Name -> what ``methods`` could say of it. The label is that of the
        variant; the name is the label without blanks.

    Raises:
        ConfigError: Only a part is there, or it is of another form.
    """
    variants = {**_table(raw, 'variants'), **dict(_combined(raw))}
    base = raw.get('base')
    if not variants:
        if base is not None:
            raise ConfigError(f'base: it needs variants or switches beside it; give {EXAMPLE}')
        return {}
    if not isinstance(base, dict):
        raise ConfigError(
            "base is missing; write base=dict(config='configs/...'), or "
            "base=dict(pair='...', method='...')"
        )
    methods = {}
    for label, changes in variants.items():
        name = re.sub(r'[^\w.+-]+', '_', label)
        if name in methods:
            raise ConfigError(f"variants.{label}: another variant has its folder '{name}', too")
        options = {**base.get('options', {}), **changes}
        methods[name] = {**base, 'label': label, 'options': options}
    return methods


def _combined(raw: dict) -> Iterator[tuple[str, dict]]:
    """Label and changes of each combination of switches: those that are listed, or all."""
    switches = _table(raw, 'switches')
    chosen = raw.get('combinations')
    if chosen is None:
        sizes = range(len(switches) + 1 if switches else 0)
        chosen = itertools.chain(*(itertools.combinations(switches, n) for n in sizes))
    for combination in chosen:
        unknown = [name for name in combination if name not in switches]
        if unknown:
            raise ConfigError(f"combinations: there is no '{unknown[0]}' in switches")
        changes = {}
        for name in combination:
            for key in switches[name]:
                _check_free(key, changes, name)
            changes |= switches[name]
        yield ' + '.join(combination) or 'none', changes


def _check_free(key: str, taken: dict, switch: str) -> None:
    """Refuse a key that another switch of the combination sets, as a whole or in part."""
    for other in taken:
        if f'{key}.'.startswith(f'{other}.') or f'{other}.'.startswith(f'{key}.'):
            raise ConfigError(
                f"switches.{switch}: '{key}' and '{other}' of another switch set the same; "
                'leave out their combination by naming the others under combinations'
            )


def _table(raw: dict, key: str) -> dict[str, dict]:
    """A table of changes, checked."""
    table = raw.get(key) or {}
    if not isinstance(table, dict) or not all(isinstance(v, dict) for v in table.values()):
        raise ConfigError(f'{key}={table} must be a dict of name to changes, such as {EXAMPLE}')
    return table
