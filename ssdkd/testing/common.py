"""Common parts of the contract checks."""

import copy
import io
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ssdkd.buffers import ReplayBuffer, SampleBatch
from ssdkd.writers import OldestWriter

K = 4  # classes in all checks


class ContractError(AssertionError):
    """Raised when a component breaks a rule of its base class.

    The message is one sentence: the component, the rule, and what was seen instead.
    """


class Maker:
    """Makes new instances of the component under test.

    Args:
        component (Callable): A class, or a function that returns a new instance.
        arguments (dict): Given to it every time.
    """

    def __init__(self, component: Callable, arguments: dict):
        self.component = component
        self.arguments = arguments
        self.name = getattr(component, '__name__', repr(component))

    def __call__(self, base: type | None = None, **more) -> Any:
        """One instance, of ``base``; random weights are the same every time."""
        with global_seed(0), self.doing('be built with these arguments'):
            made = self.component(**self.arguments, **more)
        if base is not None:
            self.must(isinstance(made, base), f'be a {base.__name__}', f'is a {type(made)}')
        return made

    def must(self, holds: Any, rule: str, instead: str | None = None) -> None:
        """Raise a :class:`ContractError` unless ``holds``."""
        if not holds:
            raise ContractError(
                f'{self.name} must {rule}' + (f'; {instead}' if instead else '')
            )

    @contextmanager
    def doing(self, rule: str) -> Iterator[None]:
        """Inside, an exception means that the rule is broken."""
        try:
            yield
        except ContractError:
            raise
        except Exception as error:
            self.must(False, rule, raised(error))

    def must_raise(self, kind: type, rule: str, action: Callable[[], Any]) -> None:
        """Require that ``action`` raises ``kind``."""
        try:
            action()
        except kind:
            return
        except Exception as error:
            self.must(False, rule, raised(error))
        self.must(False, rule, 'raised nothing')

    def must_be(
        self, what: str, tensor: Any, shape: tuple[int, ...], dtype: torch.dtype | None = None
    ) -> None:
        """Require a finite tensor of this shape and dtype (None: any floating type)."""
        kind = 'floating' if dtype is None else str(dtype).removeprefix('torch.')
        rule = f'return {what} as a {kind} tensor {list(shape)}'
        self.must(isinstance(tensor, Tensor), rule, f'got {type(tensor).__name__}')
        fits = tensor.is_floating_point() if dtype is None else tensor.dtype == dtype
        got = f'got {str(tensor.dtype).removeprefix("torch.")} {list(tensor.shape)}'
        self.must(fits and tuple(tensor.shape) == tuple(shape), rule, got)
        self.must(tensor.isfinite().all(), f'return finite {what}', f'got {tensor}')

    def resaved(self, state: Any) -> Any:
        """A ``state_dict`` as it comes back from a checkpoint."""
        with self.doing('have a state_dict of plain tensors and numbers'):
            return resaved(state)


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Seed the global sources of randomness inside, and restore them afterwards."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def same(a: Any, b: Any) -> bool:
    """Whether two nests of tensors and numbers are equal, bit by bit."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return type(a) is type(b) and a == b


def cloned(value: Any) -> Any:
    """A copy that shares no memory and no gradient."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: cloned(part) for key, part in value.items()}
    return copy.deepcopy(value)


def resaved(state: Any) -> Any:
    """Through ``torch.save`` and back, without pickled code."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def weights_of(networks: Iterable[nn.Module]) -> list[Tensor]:
    """Copies of all that networks hold, whether it is in their state dicts or not."""
    return [
        cloned(tensor)
        for network in networks
        for tensor in (*network.parameters(), *network.buffers())
    ]


def raised(error: Exception) -> str:
    """The error in one line."""
    return f'raised {type(error).__name__}: {" ".join(str(error).split())}'


def make_batch(n: int, seed: int = 0, facts: bool = True) -> SampleBatch:
    """Random images of 2 x 2 pixels, and what a teacher says of them if ``facts``."""
    rng = torch.Generator().manual_seed(seed)
    batch = dict(image=torch.rand(n, 3, 2, 2, generator=rng))
    if facts:
        # Eighths, so that no order of adding them rounds.
        share = torch.rand(n, 8, generator=rng).mul(K).long()
        batch['class_share'] = torch.stack([(share == k).float().mean(1) for k in range(K)], 1)
        batch['confidence'] = torch.rand(n, generator=rng)
    return batch


def filled_buffer(size: int, capacity: int, seed: int = 0) -> ReplayBuffer:
    """A ``ReplayBuffer`` to test with: samples of several rounds, with priorities.

    Args:
        size: Filled slots.
        capacity: All slots.
        seed: Of the samples, and of the buffer's ``rng``.
    """
    buffer = ReplayBuffer(capacity)
    buffer.rng = torch.Generator().manual_seed(seed)
    for start in range(0, size, 3):
        buffer.extend(make_batch(min(3, size - start), seed + start), OldestWriter())
        buffer.round += 1
    if size:
        rng = torch.Generator().manual_seed(seed + 1)
        buffer.set_priority(torch.arange(size), 3 * torch.rand(size, generator=rng))
    return buffer
