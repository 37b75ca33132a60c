"""A whole config from a pair of networks, a method and a budget.

Each is one file in ``configs/_base_``, or one of the user's. docs/configs.md describes them.
"""

import copy
from pathlib import Path

from mmengine.config import Config

from ssdkd.config.files import read_file
from ssdkd.config.kinds import adapt
from ssdkd.config.names import IMAGES, find_part, parts
from ssdkd.config.top_level import KEYS, check_names
from ssdkd.errors import ConfigError, nearest

METHOD = 'ssdkd'
BUDGET = 'published'
# Tables of a method that are read here and are no part of a run.
TABLES = ('by_teacher', 'by_budget', 'from_pair', 'goes_with')
# What a pair has to say.
PAIR = ('teacher', 'student', 'num_classes')
# Config key -> name in the pair, for what every method that distils takes from it.
TAKEN = {
    'model.teacher': 'teacher',
    'model.student': 'student',
    'model.task.num_classes': 'num_classes',
}
# What a pair, and distill(), call the tasks.
TASKS = {
    'classification': 'Classification',
    'binary': 'BinaryClassification',
    'multilabel': 'MultiLabelClassification',
    'segmentation': 'Segmentation',
}
# What the pair's data limits, replaced wherever a method has such a key. The last two are also
# arguments of RandomCropFlip, by these names.
LIMITS = ('image_size', 'crop_padding', 'flip')
CROP_FLIP = dict(crop_padding='padding', flip='flip')
# Names of a pair beside these and LOADERS.
OTHER = ('autocast', 'budget', 'cuda_graphs', 'kind', 'settings', 'task', 'train_set')
# What a run takes from the pair as it stands.
LOADERS = tuple(
    f'{split}_{part}'
    for split in ('val', 'test')
    for part in ('dataloader', 'evaluator', 'cfg')
)


def compose(pair: str, method: str | None = None, budget: str | None = None) -> Config:
    """Compose a config. Later parts override earlier ones:

    - ``default_runtime.py`` and the schedule of the budget, unless the method has its own of
      either,
    - the method, then its tables ``by_budget`` and ``by_teacher``,
    - the pair: networks, classes, data, and what the data limits.

    Args:
        pair (str): Name of a pair, such as ``'digits_resnet20_resnet8'``, or a file.
        method (str, optional): Name of a method, such as ``'fast2'``, or a file. Defaults to
            SSD-KD.
        budget (str, optional): Name of a budget, such as ``'cpu'``, or a file. Defaults to the
            one that the pair names, otherwise to the published schedule.

    Raises:
        ConfigError: There is no such part, or the parts do not fit together.
    """
    names = read_part('pairs', pair)
    if 'model' in names:
        raise ConfigError(f"'{pair}' is a whole config; --method and --budget go with a pair")
    missing = [key for key in PAIR if key not in names]
    if missing:
        raise ConfigError(f"'{pair}' is not a pair: it has no {', '.join(missing)}")
    method, default = method or METHOD, names.get('budget', BUDGET)
    budget = budget or default
    _check_pair(names, pair)
    cfg = _method_for(names, method, budget, pair)
    if 'task' in cfg.model:  # it distils
        cfg.merge_from_dict({key: copy.deepcopy(names[name]) for key, name in TAKEN.items()})
        if 'task' in names:
            set_task(cfg, names.task)
    for part in _parts(cfg.model):
        _limit(part, dict(zip(LIMITS, LIMITS)), names)
        for transform in part.get('augment') or ():
            if transform.get('type') == 'RandomCropFlip':
                _limit(transform, CROP_FLIP, names)
    for key in ('autocast', 'cuda_graphs'):
        if key in names and 'task' in cfg.model:
            cfg.model[key] = names[key]
    cfg.merge_from_dict({key: copy.deepcopy(names[key]) for key in LOADERS if key in names})
    for key, expression in cfg.pop('from_pair', {}).items():
        cfg.merge_from_dict({key: _value(expression, names, method, pair)})
    words = [Path(pair).stem, Path(method).stem]
    words += [Path(budget).stem] * (budget != default)
    origin = f'# {pair}, {method}, {budget}\n'
    return Config(cfg.to_dict(), cfg_text=origin, filename=f'{"_".join(words)}.py')


def _check_pair(names: Config, pair: str) -> None:
    """Refuse misspelt names, and keys of a run that a pair leaves to method and budget."""
    check_names(names, (*PAIR, *LIMITS, *LOADERS, *OTHER), pair)
    for key in (key for key in KEYS if key in names and key not in LOADERS):
        raise ConfigError(
            f"'{pair}' is a pair, of which no {key} is read; put it into settings: "
            f'settings = dict({key}=...)'
        )


def _method_for(names: Config, method: str, budget: str, pair: str) -> Config:
    """The method within the budget, for the kind of images that the pair names."""
    teacher = names.teacher.get('model', {}).get('type')
    settings = copy.deepcopy(names.get('settings', {}))
    if 'kind' not in names:
        cfg = compose_method(method, budget, teacher)
        cfg.merge_from_dict(settings)
        return cfg
    if names.kind not in IMAGES:
        raise ConfigError(
            f"'{pair}': kind='{names.kind}'{nearest(str(names.kind), list(IMAGES))}"
        )
    own = f'{METHOD}_{names.kind}'
    goes_with = read_part('methods', own).goes_with
    shipped = (*parts('methods'), 'teacher')
    for key, asked, known, checked in (
        ('method', method, [METHOD, *goes_with.methods], method in shipped),
        ('budget', budget, goes_with.budgets, True),
    ):
        if checked and asked not in known:
            raise ConfigError(
                f"--{key}: '{asked}' does not go with '{pair}', a pair for {names.kind}; these "
                f'do: {", ".join(known)}'
            )
    ours = compose_method(own, budget, teacher)
    ours.merge_from_dict(settings)
    if method == METHOD:
        return ours
    cfg = compose_method(method, budget, teacher)
    adapt(cfg, ours, read_part('schedules', budget).train_cfg)
    return cfg


def compose_method(method: str, budget: str, teacher: str | None = None) -> Config:
    """A method within a budget, for no pair yet.

    Args:
        method (str): Name or file.
        budget (str): Name or file.
        teacher (str, optional): Type of the teacher's network, which ``by_teacher`` knows.
    """
    within = find_part('methods', f'{method}_{budget}', missing_ok=True)
    changes = read_part('methods', within or method)
    changes.pop('goes_with', None)
    tables = [
        changes.pop('by_budget', {}).get(Path(budget).stem, {}),
        changes.pop('by_teacher', {}).get(teacher, {}),
    ]
    cfg = Config() if 'log_processor' in changes else read_part('', 'default_runtime')
    if 'param_scheduler' not in changes:
        cfg.merge_from_dict(read_part('schedules', budget).to_dict())
    for change in (changes.to_dict(), *tables):
        cfg.merge_from_dict(copy.deepcopy(change))
    return Config(cfg.to_dict())


def read_part(kind: str, name: str | Path) -> Config:
    """A file of ``configs/_base_/<kind>``, or one of the user's."""
    cfg = read_file(find_part(kind, name), str(name))
    if kind != 'pairs':
        check_names(cfg, (*KEYS, *TABLES), str(name))
    return cfg


def _parts(model: dict) -> list[dict]:
    """The parts of a model that make or change images."""
    synthesizer = model.get('synthesizer') or {}
    return [model, synthesizer, synthesizer.get('generator') or {}]


def _limit(part: dict, keys: dict[str, str], names: Config) -> None:
    """Replace what the pair limits, of the keys that are there.

    Args:
        part: A config.
        keys: Name in the pair -> key in the config.
        names: The pair.
    """
    part.update({k: names[name] for name, k in keys.items() if k in part and name in names})


def set_task(cfg: Config, task: str) -> None:
    """Change a config's task to one of ``TASKS``, and the metric that the best round has."""
    if task not in TASKS:
        raise ConfigError(f"task='{task}' must be one of {', '.join(map(repr, TASKS))}")
    cfg.model.task.type = TASKS[task]
    if task == 'multilabel':
        cfg.default_hooks.checkpoint.save_best = 'mAP'


def _value(expression: str, names: Config, method: str, pair: str) -> object:
    """Value of an expression of ``from_pair``, with the names of the pair."""
    try:
        return eval(expression, {}, copy.deepcopy(names.to_dict()))  # as Python as the config
    except NameError as error:
        raise ConfigError(
            f"method '{method}' needs {expression} of the pair, and '{pair}' does not have it"
        ) from error
