"""The logits in what a network returns."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from mmengine.logging import print_log
from torch import Tensor

from ssdkd.checks import is_int
from ssdkd.errors import ConfigError

# Of Hugging Face, and of torchvision's GoogLeNet and Inception; of its segmentors.
NAMES = ('logits', 'out')


class LogitsReader:
    """Takes the logits out of what a network returns.

    A tensor is taken as it is. Of a dict, a named tuple, a dataclass, a Hugging Face
    ``ModelOutput`` or any other object with attributes, ``logits`` or ``out`` is taken, or the
    only floating-point tensor in it; of a plain tuple or list, the first element. What is taken
    may be such a collection again.

    Logits with one place per image, [N, K, 1, 1], become [N, K]; those without a dimension for
    the classes, [N], become [N, 1].

    The log says what is taken, unless it is the tensor that the network returns; once, and
    again where it is another one, as of a network with auxiliary outputs in training alone.

    Attributes:
        line: What the log said, or None.
        others: The other tensors that the network returns, for messages, or None.

    Args:
        name (str): What messages call the network.
        output (str | int, optional): The key, attribute or index of the logits; or the import
            path of a function that takes what the network returns, and gives the logits or a
            collection with them. Defaults to None: the rules above.

    Raises:
        ConfigError: ``output`` is neither.
    """

    def __init__(self, name: str, output: str | int | None = None):
        if not (output is None or is_int(output) or (isinstance(output, str) and output)):
            raise ConfigError(
                f'{name}.output={output!r} must be a key, an index, or the import path of a '
                "function, such as 'my_package.logits_of'"
            )
        self.name = name
        self.output = output
        self.line: str | None = None
        self.others: str | None = None
        self._said: set[str] = set()
        self._function: Callable[[Any], Any] | None = None

    def __call__(self, output: Any, images: Tensor) -> Tensor:
        """The logits for images [N, C, H, W], of what the network returned for them.

        Raises:
            ConfigError: ``output`` names nothing in it, or it is ambiguous.
        """
        place, found = self._named(output) if self.output is not None else ('', output)
        place, taken = self._follow(place, found)
        logits = _per_image(taken, images)
        if place not in self._said:
            self._said.add(place)
            self._say(output, place, taken, logits)
        return logits

    def _named(self, output: Any) -> tuple[str, Any]:
        """What :attr:`output` names, and its place for messages."""
        parts = _parts(output)
        key = self.output
        if parts is not None and key in parts:
            return _place('', key), parts[key]
        if parts is not None and is_int(key) and -len(parts) <= key < len(parts):
            return _place('', key), list(parts.values())[key]
        if isinstance(key, str) and '.' in key:
            if self._function is None:
                self._function = self._imported(key)
            return f'{key}()', self._function(output)
        raise ConfigError(
            f'{self.name}.output={key!r}, but {self.name} returns {_described(output)}; '
            + (self._choices(parts) if parts else 'leave output out')
        )

    def _imported(self, path: str) -> Callable[[Any], Any]:
        module, _, attribute = path.rpartition('.')
        try:
            function = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"{self.name}.output='{path}' is no key of what {self.name} returns, and "
                f'cannot be imported ({error}); give a key, an index, or '
                "'package.module.function'"
            ) from error
        if not callable(function):
            raise ConfigError(
                f"{self.name}.output='{path}' is of type {type(function).__name__}; name a "
                'function of what the network returns'
            )
        return function

    def _follow(self, place: str, found: Any) -> tuple[str, Tensor]:
        """The tensor that the rules find inside, and its place for messages."""
        while not isinstance(found, Tensor):
            parts = _parts(found)
            if not parts:
                raise ConfigError(
                    f'{self.name} returns {_described(found)}, in which there are no logits; '
                    'let its forward return a tensor, or name by output= a function that '
                    'finds them'
                )
            key = self._key(found, parts)
            place, found = _place(place, key), parts[key]
        return place, found

    def _key(self, found: Any, parts: dict) -> str | int:
        if type(found) in (tuple, list):
            if _may_be_logits(found[0]):
                return 0
        else:
            usual = [name for name in NAMES if parts.get(name) is not None]
            tensors = [name for name, part in parts.items() if _may_be_logits(part)]
            for names in (usual, tensors):
                if len(names) == 1:
                    return names[0]
        raise ConfigError(
            f'{self.name} returns {_described(found)}, and which of them are the logits is '
            f'ambiguous; {self._choices(parts)}'
        )

    def _choices(self, parts: dict) -> str:
        keys = [f'output={key!r}' for key, part in parts.items() if _may_be_logits(part)]
        return f'say {" or ".join(keys[:6]) or "by output= which function finds them"}'

    def _say(self, output: Any, place: str, taken: Tensor, logits: Tensor) -> None:
        line = None
        if place:
            found = f'{self.name} returns {_described(output)}'
            line = f'{found}: {place} is taken as logits'
            parts = _parts(output) or {}
            if sum(map(_may_be_logits, parts.values())) > 1:
                self.others = f'{found}; {self._choices(parts)}'
        if logits.shape != taken.shape:
            start = f'{line}, ' if line else f'{self.name} returns logits '
            line = f'{start}{list(taken.shape)} as {list(logits.shape)}'
        if line:
            self.line = line
            print_log(line, 'current')


def _per_image(logits: Tensor, images: Tensor) -> Tensor:
    """[N, K, 1, 1] as [N, K], and [N] as [N, 1]; other shapes as they are."""
    if logits.ndim < 2:
        return logits.reshape(images.shape[0], -1)
    single = all(side == 1 for side in logits.shape[2:])
    if logits.ndim > 2 and single and logits.shape[2:] != images.shape[2:]:
        return logits.flatten(1)
    return logits


def _parts(output: Any) -> dict[str | int, Any] | None:
    """The parts of a collection by key, attribute or index; None if it is none."""
    if isinstance(output, Mapping):
        return dict(output)
    if isinstance(output, tuple) and hasattr(output, '_fields'):
        return output._asdict()
    if isinstance(output, tuple | list):
        return dict(enumerate(output))
    if dataclasses.is_dataclass(output):
        return {f.name: getattr(output, f.name) for f in dataclasses.fields(output)}
    if isinstance(output, Tensor):
        return None
    return dict(getattr(output, '__dict__', {})) or None


def _may_be_logits(part: Any, depth: int = 3) -> bool:
    """Whether this is a tensor of floating-point numbers, or a collection with one.

    A single number is a loss.
    """
    if isinstance(part, Tensor):
        return part.is_floating_point() and part.ndim > 0
    parts = _parts(part) if depth else None
    return any(_may_be_logits(inner, depth - 1) for inner in (parts or {}).values())


def _place(outer: str, key: str | int) -> str:
    inner = repr(key) if isinstance(key, str) else f'element {key}'
    return f'{inner} of {outer}' if outer else inner


def _described(output: Any) -> str:
    """Type and shapes, such as ``'a dict (logits [1, 10], features [1, 64])'``."""
    if isinstance(output, Tensor):
        return f'a tensor {list(output.shape)}'
    parts = _parts(output) or {}
    found = [
        f'{key} {list(part.shape)}' if isinstance(part, Tensor) else f'{key}: {_kind(part)}'
        for key, part in parts.items()
        if part is not None
    ]
    shown = ', '.join(found[:6]) + ', ...' * (len(found) > 6)
    return f'a {type(output).__name__}' + f' ({shown})' * bool(found)


def _kind(part: Any) -> str:
    n = f' of {len(part)}' if isinstance(part, tuple | list | Mapping) else ''
    return f'{type(part).__name__}{n}'
