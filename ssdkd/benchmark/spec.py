"""What a benchmark compares, read from its specification and checked."""

import copy
import re
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ssdkd.apis.check import check_data
from ssdkd.apis.load import load_config
from ssdkd.benchmark.variants import added_methods, switch_levels, variant_methods
from ssdkd.config.names import find_config
from ssdkd.config.read import placing_options
from ssdkd.errors import ConfigError
from ssdkd.registry import nearest

KEYS = (
    'methods',
    'base',
    'variants',
    'switches',
    'combinations',
    'fraction',
    'additions',
    'add',
    'seeds',
    'budget',
    'metric',
    'reference',
    'ours',
    'options',
    'x',
    'balance',
)
METHOD_KEYS = (
    'config',
    'pair',
    'method',
    'budget',
    'label',
    'options',
    'seeds',
    'x',
    'warmup_rounds',
)
BUDGETS = ('minutes', 'student_steps')
AS_CONFIGURED = 'config'  # the budget of runs as long as their configs say


@dataclass(frozen=True)
class Method:
    """One row of the table: a config with options.

    Attributes:
        name: Key in the specification, and folder in the work directory.
        label: Name in tables and plots.
        config: Config file of tools/train.py, or a pair.
        options: Config key -> value, those of the whole benchmark included.
        seeds: Its runs.
        x: Where it stands on the axis of the second plot; None if it has no place there.
        warmup_rounds: Rounds of warm-up, with a budget in student steps; None keeps the
            config's share of all rounds.
        method: With a pair: what distils it; None for SSD-KD.
        budget: With a pair: how long and how large; None for what the pair is made for.
    """

    name: str
    label: str
    config: str
    options: dict
    seeds: tuple[int, ...]
    x: float | None = None
    warmup_rounds: int | None = None
    method: str | None = None
    budget: str | None = None


@dataclass(frozen=True)
class Spec:
    """A whole benchmark; without a budget each run is as long as its config says.

    Attributes:
        path: The file it was read from.
        methods: Name -> method.
        minutes: Wall-clock minutes for each run, validation included.
        student_steps: Steps of the student for each run.
        metric: What the val set measures, such as ``accuracy`` or ``mIoU``; None for what a run
            is judged by, and then a val set is not needed.
        reference: Method whose last result is the upper bound; None if there is none.
        ours: Method that the ratios of time are taken to; None for no ratios.
        x: Label of the second plot's axis; None for no such plot.
        variants: Names of the methods that are variants of one base, which have a table.
        levels: Names of the variants that are combinations of switches -> which are on, by
            switch.
        balance: Names of the methods whose buffers are drawn side by side.
    """

    path: Path
    methods: dict[str, Method]
    minutes: float | None = None
    student_steps: int | None = None
    metric: str | None = 'accuracy'
    reference: str | None = None
    ours: str | None = None
    x: str | None = None
    variants: tuple[str, ...] = ()
    levels: dict[str, dict[str, bool]] = field(default_factory=dict)
    balance: tuple[str, ...] = ()

    @property
    def budget(self) -> dict[str, float] | str:
        """The budget as it stands in the specification."""
        if self.minutes is not None:
            return {'minutes': self.minutes}
        if self.student_steps is not None:
            return {'student_steps': self.student_steps}
        return AS_CONFIGURED


def read_spec(path: str | Path, options: dict | None = None) -> Spec:
    """Read a specification with one budget: see :func:`read_specs`."""
    specs = read_specs(path, options)
    if len(specs) > 1:
        raise ConfigError(f"budget: '{path}' has {len(specs)} budgets; give one")
    return next(iter(specs.values()))


def read_specs(path: str | Path, options: dict | None = None) -> dict[str, Spec]:
    """Read a specification, a Python file such as those in configs/benchmarks/.

    Args:
        path: The file, or the name of a shipped one.
        options: Dotted key -> value, replacing values of the file. A budget replaces all of
            the file's, and `seeds` those of all methods and budgets.

    Returns:
        dict: Folder in the work directory -> specification, for each of its budgets; the
        folder of a single budget is ``''``.

    Raises:
        ConfigError: The file is missing or wrong; the message names the key.
    """
    path = find_config(path)
    try:
        cfg = Config.fromfile(path)
    except (KeyError, SyntaxError, TypeError, NameError, ImportError, OSError) as error:
        raise ConfigError(f"benchmark '{path}': {error}") from error
    raw = _with_options(cfg, options or {}).to_dict()
    if not isinstance(raw.get('budget'), list):
        return {'': make_spec(raw, path)}
    if not raw['budget']:
        raise ConfigError('budget=[] must hold at least one, such as dict(minutes=10)')
    specs = {}
    for i, given in enumerate(raw['budget']):
        if not isinstance(given, dict) or set(given) - {'seeds'} == set():
            raise ConfigError(f'budget.{i}={given} must be such as dict(minutes=10, seeds=[0])')
        budget = {k: v for k, v in given.items() if k != 'seeds'}
        seeds = given.get('seeds', raw.get('seeds', [0]))
        spec = make_spec(raw | dict(budget=budget, seeds=seeds), path)
        ((kind, number),) = spec.budget.items()
        folder = f'{number:g}_{kind}'
        if folder in specs:
            raise ConfigError(f'budget.{i}={given}: another one has its folder {folder!r}, too')
        specs[folder] = spec
    return specs


TABLES = ('methods', 'variants', 'switches', 'additions')
# Where a specification holds options of runs, of which a dotted name is one key; * is any name.
OPTIONS = (
    ('options',),
    ('base', 'options'),
    ('methods', '*', 'options'),
    ('variants', '*'),
    ('switches', '*'),
    ('additions', '*', '*'),
)


def _with_options(cfg: Config, options: dict) -> Config:
    """The specification with options; a budget and seeds replace all of the file's."""
    options, budgets = dict(options), cfg.get('budget')
    several = isinstance(budgets, list)
    limits = {k[7:]: v for k, v in options.items() if k.startswith('budget.')}
    if 'budget' in options:
        cfg.budget = options.pop('budget')
    elif limits and not (several and all(k[0].isdigit() for k in limits)):
        options = {k: v for k, v in options.items() if not k.startswith('budget.')}
        cfg.budget = limits
    if several and budgets and not isinstance(cfg.budget, list) and 'seeds' not in cfg:
        cfg.seeds = budgets[0].get('seeds', [0])
    if 'seeds' in options:
        parts = [cfg.get('base'), *_values(cfg.get('methods')), *_values(cfg.get('budget'))]
        for part in parts:
            if isinstance(part, dict):
                part.pop('seeds', None)
    for key in options:
        table, *names = key.split('.')
        known = cfg.get(table)
        if table in TABLES and len(names) > 1 and names[0] not in (known or {}):
            raise ConfigError(
                f"--cfg-options {key}: there is no '{names[0]}' in {table}"
                + nearest(names[0], list(known or {}))
            )
    with placing_options(whole='specification'):
        for key in list(options):
            parts = key.split('.')
            depth = _depth(parts)
            if depth:
                _set_option(cfg, parts[:depth], '.'.join(parts[depth:]), options.pop(key))
        cfg.merge_from_dict(options)
    return cfg


def _values(part: Any) -> list:
    """The members of a list or dict; none of anything else."""
    if isinstance(part, dict):
        return list(part.values())
    return part if isinstance(part, list) else []


def _depth(parts: list[str]) -> int:
    """How many names of a key lead to options of runs, if it is one of these; otherwise 0."""
    fits = (
        len(place)
        for place in OPTIONS
        if len(parts) > len(place) and all(b in ('*', a) for a, b in zip(parts, place))
    )
    return next(fits, 0)


def _set_option(cfg: Config, place: list[str], key: str, value: Any) -> None:
    """Set an option of runs under its dotted name, beside those that are there."""
    holder = cfg
    for name in place:
        if name not in holder:
            holder[name] = {}
        holder = holder[name]
    holder[key] = value


def make_spec(raw: dict, path: Path) -> Spec:
    """Check a specification.

    Args:
        raw: Its keys and values, as in the files in configs/benchmarks/.
        path: Where it comes from; its stem is the title of the report.

    Raises:
        ConfigError: It is wrong; the message names the key.
    """
    _check_keys({k: v for k, v in raw.items() if not k.startswith('_')}, KEYS, '')
    listed, variants = raw.get('methods') or {}, variant_methods(raw)
    if isinstance(listed, dict):
        listed = listed | added_methods(raw, listed)
    if not isinstance(listed, dict) or not listed | variants:
        raise ConfigError(
            'methods: name at least one, as dict(ssdkd=dict(config=...)), or give base and '
            'variants'
        )
    for name in listed.keys() & variants.keys():
        raise ConfigError(f"methods.{name}: there is a variant '{name}', too; rename one")
    _check_seeds(raw.get('seeds', [0]), 'seeds')
    if not isinstance(raw.get('options') or {}, dict):
        raise ConfigError(f'options={raw["options"]!r} must be a dict of dotted key to value')
    methods = {n: _method(n, given, raw) for n, given in (listed | variants).items()}
    named = [(key, raw[key]) for key in ('reference', 'ours') if raw.get(key) is not None]
    for key, name in [*named, *(('balance', name) for name in raw.get('balance', ()))]:
        if name not in methods:
            raise ConfigError(
                f"{key}: there is no method '{name}'" + nearest(name, list(methods))
            )
    if raw.get('x') is None and any(m.x is not None for m in methods.values()):
        raise ConfigError("x: methods have one, but there is no x='label of the axis'")
    return Spec(
        path,
        methods,
        **_budget(raw.get('budget')),
        metric=raw.get('metric', 'accuracy'),
        reference=raw.get('reference'),
        ours=raw.get('ours'),
        x=raw.get('x'),
        variants=tuple(variants),
        levels=switch_levels(raw),
        balance=tuple(raw.get('balance', ())),
    )


def _method(name: str, given: dict, raw: dict) -> Method:
    key = f'methods.{name}'
    if not re.fullmatch(r'[\w+-][\w.+-]*', name):
        raise ConfigError(f"{key}: '{name}' becomes a folder; use letters, digits, '_+-.'")
    if not isinstance(given, dict) or not _is_one_config(given):
        raise ConfigError(
            f"{key}.config is missing; write {name}=dict(config='configs/...'), or "
            f"{name}=dict(pair='...', method='...')"
        )
    _check_keys(given, METHOD_KEYS, f'{key}.')
    seeds = given.get('seeds', raw.get('seeds', [0]))
    _check_seeds(seeds, f'{key}.seeds')
    warmup = given.get('warmup_rounds')
    if warmup is not None and not (isinstance(warmup, int) and warmup >= 0):
        raise ConfigError(f'{key}.warmup_rounds={warmup} must be an int of 0 or more, or None')
    if warmup is not None and 'minutes' in (raw.get('budget') or ()):
        raise ConfigError(
            f'{key}.warmup_rounds={warmup}: with a budget in minutes the warm-up is a share of '
            "the time; give options={'train_cfg.warmup_share': 0.1}"
        )
    x = given.get('x')
    if x is not None and not isinstance(x, int | float):
        raise ConfigError(f"{key}.x='{x}' must be a number, its place on the axis")
    return Method(
        name,
        given.get('label', name),
        given.get('config') or given['pair'],
        {**raw.get('options', {}), **given.get('options', {})},
        tuple(seeds),
        x,
        warmup,
        given.get('method', 'ssdkd' if 'pair' in given else None),
        given.get('budget'),
    )


def _is_one_config(given: dict) -> bool:
    """Whether it names a config, or a pair and what makes a config of it."""
    named = [key for key in ('config', 'pair') if isinstance(given.get(key), str)]
    return len(named) == 1 and (named == ['pair'] or not {'method', 'budget'} & given.keys())


def _budget(budget: dict | str | None) -> dict[str, float]:
    remedy = f"give either dict(minutes=30) or dict(student_steps=2000), or '{AS_CONFIGURED}'"
    if budget == AS_CONFIGURED:
        return {}
    if isinstance(budget, str):
        raise ConfigError(f"budget='{budget}' is unknown; {remedy}")
    given = {k: v for k, v in (budget or {}).items() if v is not None}
    _check_keys(given, BUDGETS, 'budget.')
    if len(given) != 1:
        raise ConfigError(f'budget={given} must hold one limit; {remedy}')
    ((key, value),) = given.items()
    kinds = int | float if key == 'minutes' else int
    if not isinstance(value, kinds) or value <= 0:
        raise ConfigError(f"budget.{key}='{value}' must be a number above 0; {remedy}")
    return given


def _check_keys(given: dict, known: tuple[str, ...], path: str) -> None:
    for key in given:
        if key not in known:
            raise ConfigError(f"{path}{key}: unknown key '{key}'{nearest(key, list(known))}")


def _check_seeds(seeds: list[int], key: str) -> None:
    fine = isinstance(seeds, list | tuple) and all(isinstance(s, int) for s in seeds)
    if not fine or not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(f'{key}={seeds} must be a list of different ints, such as [0, 1, 2]')


def method_config(method: Method, needs_val: bool = True) -> Config:
    """The method's config with its options, checked as tools/train.py does it.

    Args:
        method: The method.
        needs_val: Whether a config without a val set is refused.

    Raises:
        ConfigError: It cannot work; the message names the method and the key.
    """
    key = f'methods.{method.name}'
    options = copy.deepcopy(method.options)  # merging takes _delete_ out of it
    try:
        cfg = load_config(
            Namespace(
                config=method.config,
                method=method.method,
                budget=method.budget,
                cfg_options=options,
                work_dir='unused',
            )
        )
        check_data(cfg, 'val_dataloader')
    except ConfigError as error:
        raise ConfigError(f'{key}: {error}') from error
    cfg.pop('work_dir')
    checkpoint = cfg.model.get('teacher', {}).get('checkpoint')
    if checkpoint is not None and not Path(checkpoint).expanduser().is_file():
        raise ConfigError(
            f"{key}: model.teacher.checkpoint: there is no file '{checkpoint}'; train it with "
            'tools/train_teacher.py, or name yours in options'
        )
    if needs_val and cfg.get('val_dataloader') is None:
        raise ConfigError(
            f'{key}: val_dataloader is None; a benchmark needs a val set to measure with'
        )
    return cfg
