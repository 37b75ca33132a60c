"""Methods of a benchmark that differ from one base in named changes of its config."""

import itertools
import re
from collections.abc import Iterator

from ssdkd.errors import ConfigError, nearest

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
        name = _folder(label)
        if name in methods:
            raise ConfigError(f"variants.{label}: another variant has its folder '{name}', too")
        options = {**base.get('options', {}), **changes}
        methods[name] = {**base, 'label': label, 'options': options}
    return methods


def added_methods(raw: dict, methods: dict[str, dict]) -> dict[str, dict]:
    """Copies of methods with what ``add`` names in the table ``additions``.

    Args:
        raw: The specification.
        methods: Its methods.

    Returns:
        dict[str, dict]: ``METHOD+ADDITION`` -> what ``methods`` could say of it.

    Raises:
        ConfigError: There is no such addition, or no such method.
    """
    additions, copies = _table(raw, 'additions'), {}
    for addition, changed in additions.items():
        for name in changed:
            if name not in methods:
                raise ConfigError(
                    f"additions.{addition}.{name}: there is no method '{name}'"
                    + nearest(name, list(methods))
                )
    for addition in raw.get('add') or ():
        if addition not in additions:
            raise ConfigError(
                f"add: there is no '{addition}' in additions"
                + nearest(addition, list(additions))
            )
        for name, changes in additions[addition].items():
            method = methods[name]
            copies[f'{name}+{addition}'] = {
                **method,
                'label': f'{method.get("label", name)} + {addition.replace("_", " ")}',
                'options': {**method.get('options', {}), **changes},
            }
    return copies


def switch_levels(raw: dict) -> dict[str, dict[str, bool]]:
    """Name of each combination of switches -> whether each switch is on."""
    switches = _table(raw, 'switches')
    return {
        _folder(_label(combination)): {name: name in combination for name in switches}
        for combination in _combinations(raw)
    }


def _combinations(raw: dict) -> list[tuple[str, ...]]:
    """The combinations of switches: those that are listed, those of the fraction, or all."""
    switches = _table(raw, 'switches')
    if raw.get('combinations') is not None:
        return [tuple(combination) for combination in raw['combinations']]
    products = _products(raw, switches)
    free = [name for name in switches if name not in products]
    combinations = []
    for n in range(len(free) + 1 if switches else 0):
        for on in itertools.combinations(free, n):
            # The level of a product of levels: -1 for off, 1 for on.
            also = {k for k, parts in products.items() if len(set(parts) - set(on)) % 2 == 0}
            combinations.append(tuple(name for name in switches if name in {*on, *also}))
    return combinations


def _products(raw: dict, switches: dict[str, dict]) -> dict[str, list[str]]:
    """The table ``fraction``, checked."""
    products = raw.get('fraction') or {}
    if not isinstance(products, dict):
        raise ConfigError(
            f"fraction={products} must be a dict, such as dict(d=['a', 'b', 'c'])"
        )
    free = switches.keys() - products.keys()
    for name, parts in products.items():
        wrong = [part for part in parts if part not in free]
        if wrong or name not in switches:
            raise ConfigError(
                f"fraction.{name}: '{(wrong or [name])[0]}' is no switch, or has no level of "
                "its own; write fraction=dict(d=['a', 'b', 'c']) for switches a, b, c and d"
            )
    return products


def _label(combination: tuple[str, ...]) -> str:
    return ' + '.join(combination) or 'none'


def _folder(label: str) -> str:
    return re.sub(r'[^\w.+-]+', '_', label)


def _combined(raw: dict) -> Iterator[tuple[str, dict]]:
    """Label and changes of each combination of switches."""
    switches = _table(raw, 'switches')
    for combination in _combinations(raw):
        unknown = [name for name in combination if name not in switches]
        if unknown:
            raise ConfigError(f"combinations: there is no '{unknown[0]}' in switches")
        changes = {}
        for name in combination:
            for key in switches[name]:
                _check_free(key, changes, name)
            changes |= switches[name]
        yield _label(combination), changes


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
