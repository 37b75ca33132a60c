"""Class names of a config, and of a data set compared with those of a network."""

import json
from collections.abc import Sequence
from pathlib import Path

from ssdkd.errors import ConfigError


def read_classes(classes: Sequence[str] | dict[str, str] | str) -> dict[str, str]:
    """The key ``classes`` of :class:`ImageFolder` as ``{folder: class name}``, in order.

    Raises:
        ConfigError: It holds no names, or one twice, or names a file that cannot be read.
    """
    found = f"'{classes}'" if isinstance(classes, str) else f'a {type(classes).__name__}'
    if isinstance(classes, str):
        try:
            text = Path(classes).expanduser().read_text()
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            classes = json.loads(text) if classes.endswith('.json') else lines
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"ImageFolder: key 'classes' is {found}, which cannot be read ({error}); give "
                'a list of folders, or a file with one folder per line'
            ) from error
    if not isinstance(classes, dict) and isinstance(classes, list | tuple):
        classes = list(zip(classes, classes))
    pairs = list(classes.items() if isinstance(classes, dict) else classes)
    names = [name for pair in pairs for name in pair]
    if not names or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"ImageFolder: key 'classes' is {found} that holds no names of folders; list them "
            'in the order of the labels'
        )
    for column in zip(*pairs):
        twice = {name for name in column if column.count(name) > 1}
        if twice:
            raise ConfigError(
                f"ImageFolder: key 'classes' is {found} with {_listed(twice)} twice; name "
                'each class once'
            )
    return dict(pairs)


def compare_folders(folders: Sequence[str], wanted: Sequence[str], root: str) -> None:
    """Raise a ``ConfigError`` unless the class folders are those of the key ``classes``."""
    missing, extra = set(wanted) - set(folders), set(folders) - set(wanted)
    if missing or extra:
        raise ConfigError(
            f"ImageFolder: the folders in '{root}' are not those of key 'classes': "
            f'missing {_listed(missing)}, not in the list {_listed(extra)}; add what is '
            'missing (a folder may be empty), remove or list the others'
        )


def check_classes(
    dataset, key: str, num_classes: int, trained: Sequence[str] | None = None
) -> None:
    """Check that the labels of a data set match the outputs of a network.

    A data set states its classes as ``metainfo['classes']``, and labels as ``labels``; one that
    states neither is not checked. Names that are only the numbers 0, 1, ... say nothing, and
    are compared with no others.

    Args:
        dataset: The data set.
        key: Config key of its dataloader, for the message.
        num_classes: The network's number of outputs.
        trained: Class names in the order of the outputs, as the network's checkpoint or its
            training set records them. Defaults to None: unknown.

    Raises:
        ConfigError: There are more or fewer classes than outputs, a label is above them, or
            the names differ, or their order.
    """
    meta = getattr(dataset, 'metainfo', None) or {}
    own = tuple(meta.get('classes') or ())
    place = f'{key}.dataset' + (f" ('{dataset.root}')" if hasattr(dataset, 'root') else '')
    highest = max(getattr(dataset, 'labels', None) or [0])
    if highest >= num_classes:
        raise ConfigError(
            f'{place} has label {highest}, but there are {num_classes} classes '
            f'(0 ... {num_classes - 1}); correct the labels, or num_classes'
        )
    if not own or getattr(dataset, 'is_partial', False):
        return
    if len(own) != num_classes:
        absent = set(trained or ()) - set(own)
        raise ConfigError(
            f'{place} has {len(own)} classes ({_listed(own)}), but there are {num_classes} '
            'outputs, so the labels would mean other classes; give it one folder per class '
            '(an empty one for a class without images), or correct num_classes'
            + (f'; missing: {_listed(absent)}' if absent else '')
        )
    if trained:
        _compare_names(own, tuple(trained), place)
    elif getattr(dataset, 'is_alphabetical', False) and all(n.isdecimal() for n in own):
        if sorted(own, key=int) != list(own):
            raise ConfigError(
                f'{place} has folders with numbers as names, whose alphabetical order '
                f'({_listed(own)}) is not the numerical order; give classes=[...] in the order '
                'that the teacher was trained with'
            )


def _compare_names(own: tuple[str, ...], trained: tuple[str, ...], place: str) -> None:
    if own == trained:
        return
    if set(own) == set(trained):
        first = next(i for i, (a, b) in enumerate(zip(own, trained)) if a != b)
        raise ConfigError(
            f"{place} has the teacher's classes in another order: label {first} is "
            f"'{own[first]}' here and '{trained[first]}' in the teacher; give the data set "
            'classes=[...] in the order of the teacher'
        )
    if _are_indices(own) or _are_indices(trained):
        return
    raise ConfigError(
        f"{place} has other classes than the teacher's: missing "
        f'{_listed(set(trained) - set(own))}, unknown {_listed(set(own) - set(trained))}; give '
        'them the same names by classes={folder: class name} in the order of the teacher, or '
        'choose another data set'
    )


def _are_indices(names: Sequence[str]) -> bool:
    return list(names) == [str(i) for i in range(len(names))]


def _listed(names: Sequence[str] | set[str]) -> str:
    names = sorted(names) if isinstance(names, set) else list(names)
    return ', '.join(names[:5]) + (', ...' if len(names) > 5 else '') or 'none'
