"""An accelerator for tests, on a machine that has none.

A tensor of the device 'pretend' wraps an ordinary one. All operations run, on the CPU, and give
real values, so that whole runs can be tested, with their buffers, metrics and checkpoints. The
device is as strict as CUDA where strictness is what matters: it refuses operations that mix
devices and random generators of another device, and it notes every moment at which the host
would have to wait. It can also round otherwise than the CPU, as devices do.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

import torch
from mmengine.utils import digit_version
from torch import Tensor
from torch.library import fallthrough_kernel
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

NAME = 'pretend'
# Old versions of torch have no backends that are written in Python.
CAN_PRETEND = hasattr(
    backend_registration, '_setup_privateuseone_for_python_backend'
) and digit_version(torch.__version__) >= digit_version('2.13')
ROOT = Path(__file__).resolve().parents[1]
# Not ROOT itself, where users have their virtual environments.
OWN = tuple(f'{ROOT}/{folder}/' for folder in ('ssdkd', 'projects', 'tests'))
# Operations whose result, or its size, the host has to know.
READING = (
    'aten::_local_scalar_dense',
    'aten::nonzero',
    'aten::_unique',
    'aten::_unique2',
    'aten::unique_dim',
    'aten::unique_consecutive',
    'aten::bincount',
    'aten::masked_select',
    'aten::equal',
    'aten::repeat_interleave',
)
COPYING = ('aten::_to_copy', 'aten::copy_')
# Operations that a device may round in another way than the CPU.
ROUNDED = (
    'aten::_log_softmax',
    'aten::_softmax',
    'aten::addmm',
    'aten::convolution',
    'aten::exp',
    'aten::log',
    'aten::mean',
    'aten::mm',
    'aten::rsqrt',
    'aten::sqrt',
)
_Generator = torch.Generator
_fallback = torch.library.Library('_', 'IMPL')  # what it registers goes when it goes


class Wait(NamedTuple):
    """A moment at which the host waits for the device.

    Attributes:
        kind: 'read' if a value comes to the host, 'upload' if pageable memory goes to the
            device before the host may touch it again.
        operation: Name of torch's operation.
        place: File and line of this repository, the innermost one.
    """

    kind: str
    operation: str
    place: str


class PretendTensor(Tensor):
    """A tensor that says that it is on the pretend device."""

    @staticmethod
    def __new__(cls, host: Tensor):
        tensor = Tensor._make_wrapper_subclass(
            cls,
            host.size(),
            strides=host.stride(),
            storage_offset=host.storage_offset(),
            dtype=host.dtype,
            device=f'{NAME}:0',
        )
        tensor.host = host
        return tensor

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _dispatch(function, args, kwargs or {})

    def __repr__(self, *, tensor_contents=None) -> str:
        return f'PretendTensor({self.host})'

    def tolist(self):
        return self.cpu().tolist()

    def numpy(self, **kwargs):
        raise TypeError(f'cannot convert {NAME}:0 device type tensor to numpy')

    def __array__(self, dtype=None, copy=None):
        raise TypeError(f'cannot convert {NAME}:0 device type tensor to numpy')

    @property
    def data(self) -> Tensor:
        return self.detach()

    def __reduce_ex__(self, protocol):
        # As torch pickles tensors of devices whose memory it cannot see: `map_location` says
        # where they come back, and without it they need the device.
        state = (self.host.detach().clone(), self.dtype, str(self.device), self.requires_grad)
        return torch._utils._rebuild_device_tensor_from_cpu_tensor, state


class PretendGenerator(_Generator):
    """Stands for ``torch.Generator`` while there is a pretend device."""

    # torch hands an operation the generator as a new object, with the same address.
    by_address: WeakValueDictionary = WeakValueDictionary()

    def __new__(cls, device='cpu'):
        if torch.device(device).type != NAME:
            return _Generator(device)
        generator = super().__new__(cls, 'cpu')
        cls.by_address[generator._cdata] = generator
        return generator

    def __init__(self, device='cpu'):
        pass

    @property
    def device(self) -> torch.device:
        return torch.device(NAME, 0)

    def get_state(self) -> Tensor:
        """Another length than a CPU's state, as that of every other device is."""
        return torch.cat([torch.zeros(8, dtype=torch.uint8), super().get_state()])

    def set_state(self, state: Tensor) -> 'PretendGenerator':
        if len(state) != len(self.get_state()):
            raise RuntimeError('RNG state is wrong size')
        return super().set_state(state[8:].clone())


class _Module:
    """What ``torch.pretend`` offers, as ``torch.cuda`` does."""

    is_there = False

    def is_available(self) -> bool:
        return _Module.is_there

    is_initialized = is_available

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1  # autograd asks at its first backward pass, and never again

    def synchronize(self, device=None) -> None:
        pass

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16]

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        pass


class PretendDevice(TorchDispatchMode):
    """Notes what the device is asked for while it is there.

    Args:
        rounding: Relative difference of its results from the CPU's, in ROUNDED.

    Attributes:
        waits: All moments at which the host waited, in their order.
        pinned: How often page-locked memory was asked for.
    """

    current: 'PretendDevice | None' = None

    def __init__(self, rounding: float = 0.0):
        super().__init__()
        self.rounding = rounding
        self.waits: list[Wait] = []
        self.pinned = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return _dispatch(function, args, kwargs or {})


@contextmanager
def pretend_device(rounding: float = 0.0) -> Iterator[PretendDevice]:
    """Have an accelerator inside: torch knows it, and mmengine puts models on it."""
    import mmengine.device.utils as mmengine_device

    register()
    device = PretendDevice(rounding)
    before = mmengine_device.DEVICE
    mmengine_device.DEVICE, torch.Generator = NAME, PretendGenerator
    PretendDevice.current, _Module.is_there = device, True
    try:
        with device:
            yield device
    finally:
        mmengine_device.DEVICE, torch.Generator = before, _Generator
        PretendDevice.current, _Module.is_there = None, False


def register() -> None:
    """Tell torch of the device, which must be before the first backward pass of a process."""
    if not CAN_PRETEND or hasattr(torch, NAME):
        return
    backend_registration._setup_privateuseone_for_python_backend(NAME, _Module())

    for name in ('conv2d', 'conv_transpose2d', 'linear', 'matmul'):
        torch.library.impl(f'aten::{name}', 'AutocastPrivateUse1')(_lowered(name))
    _fallback.fallback(fallthrough_kernel, 'AutocastPrivateUse1')

    # torch.tensor and torch.as_tensor call these two, past all modes.
    @torch.library.impl('aten::empty_strided', 'privateuseone')
    def empty_strided(size, stride, *, dtype=None, layout=None, device=None, pin_memory=None):
        return PretendTensor(torch.empty_strided(size, stride, dtype=dtype))

    @torch.library.impl('aten::_copy_from', 'privateuseone')
    def _copy_from(source, target, non_blocking=False):
        name = 'aten::_copy_from'
        _note('upload' if isinstance(target, PretendTensor) else 'read', name)
        _host(target).copy_(_host(source))
        return target


def _lowered(name: str):
    """What autocast does to the operations that profit most: their operands in bfloat16."""

    def lowered(*args, **kwargs):
        def lower(value):
            floating = isinstance(value, Tensor) and value.is_floating_point()
            return value.to(torch.bfloat16) if floating else value

        with torch._C._DisableAutocast():
            return getattr(torch.ops.aten, name)(*tree_map(lower, args), **kwargs)

    return lowered


def _note(kind: str, operation: str) -> None:
    if PretendDevice.current is not None:
        PretendDevice.current.waits.append(Wait(kind, operation, _place()))


def _dispatch(function, args: tuple, kwargs: dict):
    """Run one operation on the wrapped tensors."""
    leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    pretending = any(isinstance(leaf, PretendTensor) for leaf in leaves)
    asked = kwargs.get('device')
    goes_there = pretending if asked is None else torch.device(asked).type == NAME
    name = function._schema.name
    _check_devices(name, leaves, pretending, goes_there, kwargs.get('generator'))
    kind = _waits(name, args, kwargs, pretending, goes_there)
    if kind:
        _note(kind, name)

    given_args, given = tree_map(_host, (args, kwargs))
    if asked is not None:
        given['device'] = torch.device('cpu') if goes_there else asked
    if given.get('pin_memory'):
        given['pin_memory'] = False
        PretendDevice.current.pinned += 1
    result = function(*given_args, **given)
    if pretending and name in ROUNDED and PretendDevice.current.rounding:
        result = result * (1 + PretendDevice.current.rounding)
    if goes_there and not _is_copy_back(name, args):
        result = tree_map(_pretend, result)
    if not pretending or asked is not None:
        return result
    return return_and_correct_aliasing(function, args, kwargs, result)


def _host(value):
    return value.host if isinstance(value, PretendTensor) else value


def _pretend(value):
    plain = isinstance(value, Tensor) and not isinstance(value, PretendTensor)
    return PretendTensor(value) if plain else value


def _is_copy_back(name: str, args: tuple) -> bool:
    return name == 'aten::copy_' and not isinstance(args[0], PretendTensor)


def _check_devices(name: str, leaves: list[Tensor], pretending, goes_there, generator) -> None:
    if generator is not None:
        found = NAME if generator._cdata in PretendGenerator.by_address else 'cpu'
        wanted = NAME if goes_there else 'cpu'
        if found != wanted:
            raise RuntimeError(
                f"{name}: Expected a '{wanted}' device type for generator but found '{found}'"
            )
    if not pretending or name in COPYING:
        return
    for leaf in leaves:
        # As on CUDA, where a number from the host may be an operand.
        if not isinstance(leaf, PretendTensor) and leaf.ndim:
            raise RuntimeError(
                f'{name}: Expected all tensors to be on the same device, but found at least '
                f'two devices, {NAME}:0 and {leaf.device}!'
            )


def _waits(name: str, args: tuple, kwargs: dict, pretending: bool, goes_there: bool):
    """'read', 'upload' or None."""
    if name in COPYING:
        if name == 'aten::copy_':
            from_there, to_there = (isinstance(args[i], PretendTensor) for i in (1, 0))
            free = args[2:3] == (True,) or kwargs.get('non_blocking')
        else:
            from_there, to_there = pretending, goes_there
            free = kwargs.get('non_blocking')
        if from_there and not to_there:
            return 'read'
        return 'upload' if to_there and not from_there and not free else None
    if not pretending:
        return None
    if name in READING:
        return 'read'
    if name in ('aten::index', 'aten::index_put', 'aten::index_put_'):
        masks = [i for i in args[1] if i is not None and i.dtype in (torch.bool, torch.uint8)]
        # A single value goes where the mask is without anyone counting.
        fills = name != 'aten::index' and args[2].numel() == 1
        return 'read' if masks and not fills else None
    return None


def _place() -> str:
    frames = traceback.extract_stack()
    own = [
        frame
        for frame in frames
        if frame.filename.startswith(OWN) and frame.filename != __file__
    ]
    if not own:
        return 'unknown'
    return f'{Path(own[-1].filename).relative_to(ROOT)}:{own[-1].lineno}'
