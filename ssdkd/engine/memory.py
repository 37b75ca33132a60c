"""Estimate of the memory that a run takes, before training."""

import copy
import logging
import random
import warnings
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from ssdkd.buffers import BaseBuffer
from ssdkd.errors import ConfigError
from ssdkd.free_memory import free_memory
from ssdkd.synthesizers.inversion import InversionSynthesizer
from ssdkd.words import byte_size

# Batches of fewer bytes are not estimated: networks keep some hundred times their images.
SMALL_BATCH = 256 * 2**10
# The estimate is given up after as many operations, 20 seconds or so.
MOST_OPERATIONS = 200_000


@dataclass(frozen=True)
class RunMemory:
    """Additional bytes that a run will take, by type of device.

    Attributes:
        inversion: The most in a generator phase.
        student: The most in a student step.
        buffer: What the replay buffer has yet to take; it is in the other two as well.
    """

    inversion: Counter[str]
    student: Counter[str]
    buffer: Counter[str]

    @property
    def peak(self) -> Counter[str]:
        """The larger of both phases."""
        return self.inversion | self.student


def check_memory(runner) -> None:
    """Compare the estimated memory of a run with what is free, and log it.

    Nothing is allocated, and no random state, weight or buffer changes. A network that cannot
    be estimated (its code reads values, or calls what only knows real tensors) is named in
    the log, and the run goes on.

    Args:
        runner (Runner): With model and optimizers built, before training.

    Raises:
        ConfigError: It is more than what is free.
    """
    distiller = getattr(runner.model, 'module', runner.model)
    height, width = distiller.synthesizer.image_size
    largest = max(distiller.batch_size, distiller.synthesizer.samples)
    if 4 * largest * distiller.synthesizer.channels * height * width < SMALL_BATCH:
        return
    loop = runner.train_loop
    rounds = loop.max_rounds - max(loop.warmup_rounds, loop.epoch)
    if loop.clock is not None:  # as many as it takes to fill the buffer
        rounds = distiller.buffer.capacity
    try:
        memory = estimate_memory(distiller, runner.optim_wrapper, rounds)
    except Exception as error:  # whatever a user's network raises where there are no values
        reason = (str(error).strip().splitlines() or [''])[0][:200]
        print_log(
            f'The memory of a step is not estimated ({type(error).__name__}: {reason}).',
            'current',
        )
        return
    device = next(distiller.parameters()).device
    for kind, needed in memory.peak.items():
        free = free_memory(device if kind == device.type else kind)
        if free is not None and needed > free:
            raise ConfigError(_too_much(distiller, memory, kind, free))
    print_log(f'Memory  estimated: {_figures(memory)}', 'current')


def estimate_memory(distiller: nn.Module, optim_wrapper, rounds: int = 1) -> RunMemory:
    """Run one generator phase and one student step on tensors without memory.

    What is counted is what torch's operations return and what is kept of it, at its largest.
    The scratch memory inside an operation is not, so that more is taken rather than less.

    Args:
        distiller (nn.Module): The distiller; it is copied, without its memory.
        optim_wrapper: The run's ``OptimWrapperDict``, copied likewise.
        rounds (int): Rounds that are left, for a buffer that grows.
    """
    size, n = distiller.synthesizer.image_size, distiller.synthesizer.samples
    channels = distiller.synthesizer.channels
    device = next(distiller.parameters()).device
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    with _unnoticed(), fake, FakeCopyMode(fake):
        distiller, optim_wrapper = _copies(distiller, optim_wrapper)
        buffer = distiller.buffer
        with _LiveMemory() as live:
            buffer.size = 0  # so that no writer is asked
            distiller.store(dict(image=torch.rand(n, channels, *size, device=device)))
            stored = live.now.copy()
            if isinstance(distiller.synthesizer, InversionSynthesizer):
                buffer.size = 0
                distiller.synthesize(optim_wrapper)
            inversion = live.peak.copy()
            distiller.train_step(None, optim_wrapper)
            live.peak = live.now.copy()
            distiller.train_step(None, optim_wrapper)  # now with the optimizer's state
            student, kept = live.peak, live.now - stored
        growth = _growth(buffer, rounds * n)
    return RunMemory(inversion + kept + growth, student + growth, stored + growth)


def _growth(buffer: BaseBuffer, samples: int) -> Counter[str]:
    """Additional bytes of a buffer with one batch until it holds so many samples, by device."""
    rows = min(buffer.capacity, samples)
    growth: Counter[str] = Counter()
    for column in buffer.columns.values():
        growth[column.device.type] += max(rows - len(column), 0) * column[0].nbytes
    return growth


class _LiveMemory(TorchDispatchMode):
    """Counts the bytes of all tensors that operations inside return, while they live."""

    def __init__(self):
        super().__init__()
        self.now: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.operations = 0
        self._storages: dict[int, weakref.ref] = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.operations += 1
        if self.operations > MOST_OPERATIONS:
            raise RuntimeError(f'more than {MOST_OPERATIONS} operations')
        result = function(*args, **(kwargs or {}))
        given = {id(tensor.untyped_storage()) for tensor in _tensors((args, kwargs))}
        for tensor in _tensors(result):
            # An operation in place takes nothing, and neither does a view.
            if id(tensor.untyped_storage()) not in given:
                self._count(tensor)
        return result

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, kind, size = id(storage), tensor.device.type, storage.nbytes()
        if key in self._storages:
            return

        def forget(_) -> None:
            self.now[kind] -= size
            del self._storages[key]

        self._storages[key] = weakref.ref(storage, forget)
        self.now[kind] += size
        self.peak[kind] = max(self.peak[kind], self.now[kind])


def _tensors(values) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(values)[0] if isinstance(leaf, Tensor)]


class _AnySlots:
    """Stand-in for a sampler, which needs little memory and real values."""

    def sample(self, buffer, n: int) -> tuple[Tensor, Tensor]:
        indices = torch.arange(n, device=buffer.device)
        return indices, torch.ones(n, device=buffer.device)

    def update(self, buffer, indices: Tensor, divergence: Tensor) -> None:
        pass


def _copies(distiller: nn.Module, optim_wrapper) -> tuple:
    """Distiller and optimizers as they are, on tensors without memory."""
    memo = {id(distiller.rng): torch.Generator(distiller.rng.device)}
    memo[id(distiller.sampler)] = _AnySlots()
    inverts = isinstance(distiller.synthesizer, InversionSynthesizer)
    if inverts:
        for counter in distiller.synthesizer.buffers():
            if counter.ndim == 0 and not counter.is_floating_point():
                # A tensor made here keeps its value, which the synthesizer may read.
                memo[id(counter)] = torch.tensor(0, dtype=counter.dtype, device=counter.device)
    else:  # it trains nothing, and may hold a data set
        memo[id(distiller.synthesizer)] = nn.Module()
    # So does a resumed optimizer, which reads its number of steps.
    for wrapper in optim_wrapper.values():
        for value in _scalars(wrapper.optimizer):
            memo[id(value)] = torch.tensor(1, dtype=value.dtype, device=value.device)
    for module in distiller.modules():
        if isinstance(module, nn.parallel.DistributedDataParallel):
            memo[id(module)] = copy.deepcopy(module.module, memo)
    distiller = copy.deepcopy(distiller, memo)
    optim_wrapper = copy.deepcopy(optim_wrapper, memo)
    if inverts:
        distiller.synthesizer.steps = 1
    return distiller, optim_wrapper


def _scalars(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The 0-dim tensors of an optimizer's state."""
    return [value for value in _tensors(dict(optimizer.state)) if value.ndim == 0]


@contextmanager
def _unnoticed() -> Iterator[None]:
    """Suppress logs and warnings inside, and restore all global random states."""
    python, numpy = random.getstate(), np.random.get_state()
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(level)
        random.setstate(python)
        np.random.set_state(numpy)


def _figures(memory: RunMemory) -> str:
    values = []
    for name in ('inversion', 'student', 'buffer'):
        for device, needed in getattr(memory, name).items():
            if needed:
                values.append(f'{name} ({device}): {byte_size(needed)}')
    return '  '.join(values)


def _too_much(distiller: nn.Module, memory: RunMemory, device: str, free: int) -> str:
    height, width = distiller.synthesizer.image_size
    inversion, student = memory.inversion[device], memory.student[device]
    buffer = memory.buffer[device]
    kept = ', with model.keep_answers=True' * distiller.keep_answers
    key = 'batch_size' if isinstance(distiller.synthesizer, InversionSynthesizer) else 'samples'
    return (
        f'the run would take about {byte_size(memory.peak[device])} of memory ({device}), but '
        f'{byte_size(free)} are free: a generator phase takes {byte_size(inversion)} '
        f'(model.synthesizer.{key}={getattr(distiller.synthesizer, key)}), a student step '
        f'{byte_size(student)} (model.batch_size={distiller.batch_size}); both include the '
        f'buffer, {byte_size(buffer)} (model.buffer.capacity={distiller.buffer.capacity}, '
        f'device{kept}); image_size=({height}, {width}); lower one of these'
        f'{", or set model.keep_answers=False" * bool(kept)}'
    )
