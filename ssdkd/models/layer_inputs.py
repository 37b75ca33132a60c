"""Record the inputs or outputs of some layers of the teacher."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ssdkd.errors import ConfigError
from ssdkd.models.observer import Observer
from ssdkd.models.program import Program


class LayerInputs:
    """The inputs of some layers of a network in its latest pass with gradients.

    A pass is a call of the network itself. Passes without gradients are not recorded, nor is
    what runs outside a pass, such as the second run of a layer under gradient checkpointing.
    Layers are known by their names, and looked up at each pass: a layer that was replaced since
    the last one, as by a conversion to ``SyncBatchNorm``, is watched in its place. A compiled
    network (``torch.compile``) records the same. A copy of the network records for itself.
    :meth:`close` removes all hooks from the network.

    Args:
        user (str): Name of the loss or synthesizer that asks, for error messages.
        network (nn.Module): The network, usually a ``Teacher``.
        names (Sequence[str]): Names of layers, as in ``network.named_modules()``.
        latest (bool): Keep only the call that comes last in a pass. Defaults to False.
        keep (Callable, optional): Function of an input that gives what is kept of it. Defaults
            to None: the input itself.
        instead (str): Another remedy if no pass calls the layers, for the message. Defaults to
            none.

    Raises:
        ConfigError: A layer is, or lies inside, a program; later, at a
            pass, that the network has no layer of a name any more.
    """

    def __init__(
        self,
        user: str,
        network: nn.Module,
        names: Sequence[str],
        latest: bool = False,
        keep: Callable[[Tensor], Tensor] | None = None,
        instead: str = '',
    ):
        self.user = user
        self.network = network
        self.latest = latest
        self.keep = keep
        self.instead = instead
        check_watchable(user, network, names)
        self._names = _with_aliases(network, names)
        self._watched: dict[str, nn.Module] = {}
        self._calls: list[tuple[str, Tensor]] = []
        self._running = False
        self._handles: list[RemovableHandle] = []
        self._watch()
        self._handles.append(network.register_forward_pre_hook(Observer(self._begin)))
        self._handles.append(network.register_forward_hook(Observer(self._end)))

    def __getstate__(self) -> dict:
        return {**vars(self), '_calls': []}  # tensors of a graph cannot be copied

    @property
    def layers(self) -> dict[str, nn.Module]:
        """The layers by name, as they are now."""
        return {name: self._watched[name] for name in dict.fromkeys(self._names.values())}

    def take(self) -> list[tuple[str, Tensor]]:
        """Return and forget what the latest pass recorded.

        Returns:
            list: (name of the layer, what was kept of its input), in the order of the calls.

        Raises:
            ConfigError: It recorded nothing.
        """
        if not self._handles:
            raise ConfigError(
                f'{self.user}: the run has ended, and its hooks on the teacher are removed; '
                'build a new distiller for another run'
            )
        if not self._calls:
            names = list(self._names)
            raise ConfigError(
                f'{self.user}: no forward pass of the teacher with gradients called one of the '
                f"observed layers ({len(names)}, the first is '{names[0]}'); call the teacher "
                'itself, and let it call these layers as modules; if it is compiled as a '
                'whole, compile it after the losses are attached'
                + f'; otherwise {self.instead}'
                * bool(self.instead)
            )
        calls, self._calls = self._calls, []
        return calls

    def close(self) -> None:
        """Remove all hooks from the network, and forget what was recorded."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._calls = []

    def _watch(self) -> None:
        changed = False
        for name, key in self._names.items():
            layer = self._find(name)
            if self._watched.get(name) is layer:
                continue
            if not any(layer is other for other in self._watched.values()):
                self._handles.append(self._hook(key, layer))
            self._watched[name] = layer
            changed = True
        if changed and any(map(is_compiled, self.network.modules())):
            # What is compiled already knows nothing of the new hooks, and is not checked for
            # them: torch would go on with it, also for another network of the same class.
            torch.compiler.reset()

    def _hook(self, name: str, layer: nn.Module) -> RemovableHandle:
        record = Observer(self._record_input, name)
        return layer.register_forward_pre_hook(record, with_kwargs=True)

    def _find(self, name: str) -> nn.Module:
        try:
            return self.network.get_submodule(name)
        except AttributeError as error:
            raise ConfigError(
                f"{self.user}: the teacher had a layer '{name}' when training was set up, and "
                f'does not have it now ({error}); change or wrap the teacher before that'
            ) from error

    def _begin(self, network: nn.Module, inputs: tuple) -> None:
        self._watch()
        self._running = torch.is_grad_enabled()
        if self._running:
            self._calls = []  # of an earlier pass, whose loss nobody asked for

    def _end(self, network: nn.Module, inputs: tuple, output) -> None:
        self._running = False

    def _record_input(self, name: str, layer: nn.Module, inputs: tuple, keywords: dict) -> None:
        self._record(name, inputs[0] if inputs else next(iter(keywords.values()), None))

    def _record(self, name: str, x: Tensor) -> None:
        if not self._running:
            return
        if not torch.is_grad_enabled():
            raise ConfigError(
                f"{self.user}: layer '{name}' of the teacher runs without gradients inside a "
                'forward pass with gradients; switch off its gradient checkpointing, or set '
                'use_reentrant=False'
            )
        if self.latest:
            self._calls = []
        self._calls.append((name, self.keep(x) if self.keep else x))


class LayerOutputs(LayerInputs):
    """The outputs of some layers of a network in its latest pass with gradients.

    Like :class:`LayerInputs`. Of an output with several parts, such as the tuple of an
    attention layer or a dict, the first part is recorded.
    """

    def _hook(self, name: str, layer: nn.Module) -> RemovableHandle:
        return layer.register_forward_hook(Observer(self._record_output, name))

    def _record_output(self, name: str, layer: nn.Module, inputs: tuple, output) -> None:
        while isinstance(output, Mapping | Sequence) and output:
            parts = output.values() if isinstance(output, Mapping) else output
            output = next(iter(parts))
        self._record(name, output)


def is_compiled(module: nn.Module) -> bool:
    """Whether ``torch.compile(module)`` or ``module.compile()`` made it.

    Args:
        module (nn.Module): The module itself; its children are not asked.
    """
    compiled = getattr(module, '_compiled_call_impl', None)
    return hasattr(module, '_orig_mod') or compiled is not None


def uncompiled(network: nn.Module) -> AbstractContextManager:
    """Run a compiled network as it was written: compiling for few passes would take long.

    Args:
        network (nn.Module): Any network.
    """
    if any(map(is_compiled, network.modules())):
        return torch.compiler.set_stance('force_eager')
    return nullcontext()


def check_watchable(user: str, network: nn.Module, names: Sequence[str]) -> None:
    """Raise a ``ConfigError`` where a layer's hooks would not be called.

    Args:
        user (str): Who wants to watch the layers, for the message.
        network (nn.Module): The network.
        names (Sequence[str]): Names of layers in it.
    """
    programs = {
        name: getattr(m, 'kind', 'TorchScript')
        for name, m in network.named_modules()
        if isinstance(m, Program | torch.jit.ScriptModule)
    }
    for name in names:
        for outer, kind in programs.items():
            if not outer or name == outer or name.startswith(f'{outer}.'):
                place = (
                    '' if name == outer else f"lies inside '{outer or 'the network'}', which "
                )
                raise ConfigError(
                    f"{user}: layer '{name}' {place}is {kind}, which takes no hooks; give the "
                    'original module, without torch.jit or torch.export, or set this term to '
                    'None'
                )


def _with_aliases(network: nn.Module, names: Sequence[str]) -> dict[str, str]:
    """All names of the layers to the one that was asked for: layers may be shared."""
    asked = {id(network.get_submodule(name)): name for name in names}
    every = network.named_modules(remove_duplicate=False)
    return {name: asked[id(m)] for name, m in every if id(m) in asked}
