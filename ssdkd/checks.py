"""Checks of the values that a user gives.

Constructors call these first, so that a component built without a config is checked, too.
``owner`` says whose value it is: a component (``'NoiseSynthesizer: batch_size=0 ...'``), or
the name of a part of the config (``'train_cfg.max_rounds=0 ...'``).
"""

from numbers import Integral, Real
from typing import Any

from ssdkd.errors import ConfigError

INF = float('inf')


def check_int(
    owner: Any, low: int, high: float = INF, *, optional: bool = False, **values: Any
) -> None:
    """Check that every value is an integer from ``low`` to ``high``.

    Args:
        owner: Whose values they are.
        low: The smallest that works.
        high: The largest that works.
        optional: None is allowed.
        **values: Argument name to value.

    Raises:
        ConfigError: One is something else, such as True or 64.0.
    """
    for name, value in values.items():
        if value is None and optional:
            continue
        if not is_int(value):
            raise _refused(owner, name, value, 'be an integer', optional)
        if not low <= value <= high:
            rule = f'be at least {low}' if high == INF else f'lie in [{low}, {high}]'
            raise _refused(owner, name, value, rule, optional)


def check_number(owner: Any, interval: str, *, optional: bool = False, **values: Any) -> None:
    """Check that every value is a finite number in an interval.

    Args:
        owner: Whose values they are.
        interval: Such as ``'[0, 1)'`` or ``'(0, inf)'``; a parenthesis leaves the end out.
        optional: None is allowed.
        **values: Argument name to value.

    Raises:
        ConfigError: One is something else.
    """
    for name, value in values.items():
        if value is None and optional:
            continue
        if not is_number(value):
            raise _refused(owner, name, value, 'be a finite number', optional)
        if not is_number(value, interval):
            low, high = interval[1:-1].split(', ')
            rule = f'be {"at least" if interval[0] == "[" else "above"} {low}'
            rule = rule if high == 'inf' else f'lie in {interval}'
            raise _refused(owner, name, value, rule, optional)


def check_bool(owner: Any, **values: Any) -> None:
    """Check that every value is True or False: the text 'no' would count as True.

    Raises:
        ConfigError: One is something else.
    """
    for name, value in values.items():
        if not isinstance(value, bool):
            raise _refused(owner, name, value, 'be True or False')


def check_dict(owner: Any, *, optional: bool = False, **values: Any) -> None:
    """Check that every value is a dict, as the config of a part is.

    Raises:
        ConfigError: One is something else.
    """
    for name, value in values.items():
        if not (isinstance(value, dict) or (value is None and optional)):
            raise _refused(owner, name, value, 'be a dict', optional)


def is_int(value: Any) -> bool:
    """Whether a value is an integer; True and 64.0 are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any, interval: str = '(-inf, inf)') -> bool:
    """Whether a value is a finite number in an interval; see :func:`check_number`."""
    if isinstance(value, bool) or not isinstance(value, Real) or not -INF < value < INF:
        return False
    low, high = map(float, interval[1:-1].split(', '))
    above = low <= value if interval[0] == '[' else low < value
    return above and (value <= high if interval[-1] == ']' else value < high)


def is_pair(value: Any, interval: str) -> bool:
    """Whether a value is two finite numbers in an interval."""
    pair = isinstance(value, list | tuple) and len(value) == 2
    return pair and all(is_number(number, interval) for number in value)


def _refused(owner: Any, name: str, value: Any, rule: str, optional: bool = False):
    where = f'{owner}.' if isinstance(owner, str) else f'{type(owner).__name__}: '
    return ConfigError(f'{where}{name}={value!r} must {rule}' + (', or None' * optional))
