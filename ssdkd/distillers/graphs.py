"""Passes of a network that repeat, replayed as CUDA graphs."""

import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from ssdkd.distillers.teacher_checks import untouched
from ssdkd.models import Observer

Inputs = tuple[Tensor, ...]
REPEATS = 3  # a kind of pass is captured when it comes for this time
MOST = 8  # kinds of passes of a network: each keeps its activations in memory
FORGETS = 100  # kinds: those of a network whose weights move all the time
BEFORE, AFTER = KINDS = '_forward_pre_hooks', '_forward_hooks'  # where torch has them
PLACE = object()  # of a tensor


class PassGraphs:
    """Runs a network, and replays the passes that repeat as CUDA graphs.

    A small network keeps the host busy and the device idle: Python launches each of its
    hundreds of kernels, forward and backward. A graph launches all of them at once, and
    computes the same. A kind of pass is known by the shapes of the inputs, the mode, precision
    and hooks of the layers, and where weights and statistics lie. Its first passes run as
    usual, and so do those that a graph cannot stand for:

    - on other devices than CUDA;
    - with hooks that are no :class:`Observer`, which may change something;
    - while gradients are summed over several passes, or those of the last pass may still be
      asked for: a graph has one place for each.

    What the network does in Python happens once, when a pass is captured: a counter, or a
    branch by chance, stays as it was then.

    Args:
        network (nn.Module): Takes tensors, and returns one.
    """

    def __init__(self, network: nn.Module):
        self.network = network
        self._layers: list[nn.Module] = []
        self._seen: Counter[tuple] = Counter()
        self._graphs: dict[tuple, _Graph | None] = {}

    def __deepcopy__(self, memo: dict) -> 'PassGraphs':
        return PassGraphs(deepcopy(self.network, memo))

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The network's output; see its own ``forward``."""
        kind = self._kind(inputs) if self.graphable(inputs) else None
        if kind is None:
            return self.network(*inputs)
        if kind not in self._graphs:
            if len(self._graphs) == MOST or not self._repeats(kind):
                return self.network(*inputs)
            self._graphs[kind] = self._capture(inputs)
        graph = self._graphs[kind]
        if graph is None or graph.awaits_gradients:
            return self.network(*inputs)
        return graph(inputs)

    def _repeats(self, kind: tuple) -> bool:
        if len(self._seen) > FORGETS:
            self._seen.clear()
        self._seen[kind] += 1
        return self._seen[kind] == REPEATS

    @staticmethod
    def graphable(inputs: Inputs) -> bool:
        """Whether they are on a device with graphs, and have memory there, as plain tensors."""
        return all(x.is_cuda and type(x) is Tensor for x in inputs)

    def _kind(self, inputs: Inputs) -> tuple | None:
        """What a pass has in common with others; None if a graph cannot stand for it."""
        if not self._layers:  # now, as layers may be replaced until the run begins
            self._layers = list(self.network.modules())
            kinds = (*KINDS, '_backward_pre_hooks', '_backward_hooks')
            self._hooks = [getattr(layer, kind) for layer in self._layers for kind in kinds]
            held = (part for m in self._layers for part in (m._parameters, m._buffers))
            self._held = [part for part in held if part]  # weights and statistics by name
        tensors = [t for held in self._held for t in held.values() if t is not None]
        learns = torch.is_grad_enabled()
        if learns and any(t.grad is not None for t in tensors if t.requires_grad):
            return None
        modes = [layer.training for layer in self._layers]
        hooks = [hooks for hooks in self._hooks if hooks]
        if hooks and not all(isinstance(h, Observer) for part in hooks for h in part.values()):
            return None
        watched = [bool(hooks) for hooks in self._hooks] if hooks else []
        places = [t.data_ptr() for t in tensors]
        learned = [t.requires_grad for t in tensors]
        given = [(x.shape, x.dtype, x.stride(), x.requires_grad) for x in inputs]
        precision = torch.is_autocast_enabled('cuda') and torch.get_autocast_dtype('cuda')
        return learns, precision, *modes, *watched, *places, *learned, *given

    def _capture(self, inputs: Inputs) -> '_Graph | None':
        what = f'CUDA graph of {type(self.network).__name__} for {len(inputs[0])} samples'
        start = time.monotonic()
        try:
            with untouched(self.network), _in_place(self._held):
                graph = _Graph(self.network, self._layers, inputs)
        except Exception as error:  # of the user's own code: it may wait for the device
            reason = str(error).strip().partition('\n')[0]
            print_log(
                f'{what}: the pass cannot be captured and runs as usual '
                f'({type(error).__name__}: {reason})',
                'current',
            )
            return None
        print_log(f'{what}: captured in {time.monotonic() - start:.1f} s', 'current')
        return graph


@contextmanager
def _in_place(holders: Sequence[dict[str, Tensor | None]]) -> Iterator[None]:
    """Refuse a network that replaces a tensor of its own inside; a graph replaces nothing."""
    before = [
        (held, name, tensor, tensor.detach())
        for held in holders
        for name, tensor in held.items()
        if tensor is not None
    ]
    replaced = []
    try:
        yield
    finally:
        for held, name, tensor, place in before:
            if held[name] is not tensor or tensor.data_ptr() != place.data_ptr():
                replaced.append(name)
                held[name] = tensor
                tensor.data = place
    if replaced:
        raise RuntimeError(f"it replaces '{replaced[0]}' where it could change it in place")


class _Graph:
    """One kind of pass: a graph, and what the hooks of the layers are to see of it."""

    def __init__(self, network: nn.Module, layers: Sequence[nn.Module], inputs: Inputs):
        self._pass = _Pass(network, layers)
        samples = tuple(x.detach().clone().requires_grad_(x.requires_grad) for x in inputs)
        self._replay = torch.cuda.make_graphed_callables(
            self._pass, samples, allow_unused_input=True
        )
        self._pass.let_go()
        self._last: Callable[[], _Mark | None] = lambda: None

    @property
    def awaits_gradients(self) -> bool:
        """Whether those of its last pass may still be asked for."""
        mark = self._last()
        return mark is not None and not mark.asked

    def __call__(self, inputs: Inputs) -> Tensor:
        network, mark = self._pass.network, _Mark()
        self._last = weakref.ref(mark)
        _call_hooks(network, BEFORE, inputs)
        output, *seen = _Own.apply(mark, *self._replay(*inputs))
        self._pass.show(seen)
        _call_hooks(network, AFTER, inputs, output)
        return output


class _Pass(nn.Module):
    """A pass of a network, with what its watched layers take and give among the outputs."""

    def __init__(self, network: nn.Module, layers: Sequence[nn.Module]):
        super().__init__()
        self.network = network
        self._layers = layers
        self._seen: list[tuple] = []  # layer, kind of hook, and how its tensors are laid out
        self._outputs: Inputs = ()

    def forward(self, *inputs: Tensor) -> Inputs:
        self._seen, tensors = [], []

        def keep(layer: nn.Module, kind: str, *what: Any) -> None:
            leaves, spec = tree_flatten(what)
            tensors.extend(leaf for leaf in leaves if isinstance(leaf, Tensor))
            rest = [PLACE if isinstance(leaf, Tensor) else leaf for leaf in leaves]
            self._seen.append((layer, kind, spec, rest))

        with _watched(self._layers, keep):
            output = self.network(*inputs)
        self._outputs = output, *tensors
        return self._outputs

    def let_go(self) -> None:
        """Free the autograd graph of the capture, whose nodes wait for its stream each time."""
        for output in self._outputs:
            if output.grad_fn is not None and not output._is_view():
                output.detach_()
        self._outputs = ()

    def show(self, tensors: Sequence[Tensor]) -> None:
        """Call the hooks of the layers with the tensors of a pass, in its order."""
        left = iter(tensors)
        for layer, kind, spec, rest in self._seen:
            leaves = [next(left) if leaf is PLACE else leaf for leaf in rest]
            _call_hooks(layer, kind, *tree_unflatten(leaves, spec))


def _call_hooks(
    layer: nn.Module, kind: str, args: tuple, output: Any = None, keywords: Any = None
) -> None:
    with_keywords = getattr(layer, f'{kind}_with_kwargs')
    given = (output,) if kind == AFTER else ()
    for number, hook in list(getattr(layer, kind).items()):
        more = (keywords or {},) if number in with_keywords else ()
        hook(layer, args, *more, *given)


@contextmanager
def _watched(layers: Sequence[nn.Module], keep: Callable[..., None]) -> Iterator[None]:
    """Let ``keep`` stand for the hooks of the layers; those of the network, the first, wait."""
    before = [(layer, kind, getattr(layer, kind)) for layer in layers for kind in KINDS]
    handles = []
    try:
        for layer, kind, hooks in before:
            setattr(layer, kind, type(hooks)())
        for layer, kind, hooks in before[len(KINDS) :]:
            if hooks and kind == BEFORE:
                hook = partial(_before, keep)
                handles.append(layer.register_forward_pre_hook(hook, with_kwargs=True))
            elif hooks:
                handles.append(layer.register_forward_hook(partial(_after, keep)))
        yield
    finally:
        for handle in handles:
            handle.remove()
        for layer, kind, hooks in before:
            setattr(layer, kind, hooks)


def _before(keep: Callable[..., None], layer: nn.Module, args: tuple, keywords: dict) -> None:
    keep(layer, BEFORE, args, None, keywords)


def _after(keep: Callable[..., None], layer: nn.Module, args: tuple, output: Any) -> None:
    keep(layer, AFTER, (), output)


class _Mark:
    """Lives as long as the gradients of a pass can be asked for."""

    def __init__(self):
        self.asked = False


class _Own(torch.autograd.Function):
    """Copies of the outputs of a graph, whose own places the next replay overwrites."""

    @staticmethod
    def forward(ctx, mark: _Mark, *outputs: Tensor) -> Inputs:
        ctx.mark = mark
        return tuple(output.clone() for output in outputs)

    @staticmethod
    def backward(ctx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        ctx.mark.asked = True
        return None, *gradients
