"""The dynamic replay buffer of SSD-KD."""

import torch
from mmengine.device import get_device
from mmengine.dist import all_reduce
from torch import Tensor

from ssdkd.buffers.base import ANSWER, MANAGED, BaseBuffer, SampleBatch, from_bytes, to_bytes
from ssdkd.checks import check_bool, check_int, check_number
from ssdkd.errors import ConfigError
from ssdkd.free_memory import free_memory
from ssdkd.registry import BUFFERS
from ssdkd.words import byte_size


@BUFFERS.register_module()
class ReplayBuffer(BaseBuffer):
    """A fixed number of slots, partly overwritten every round.

    The dynamic replay buffer of SSD-KD (Liu et al., CVPR 2024, arXiv 2406.07876). All
    memory is taken once, at the first :meth:`extend`, from the shapes of that batch. In a
    distributed run each process holds its own slots and must call :meth:`extend` equally
    often; ``class_counts`` alone is summed over all of them.

    Args:
        capacity (int): M, the number of slots of this process, at least 1.
        device (str | None): Where the images live; None is wherever the batches come from.
            The other columns, which samplers and writers read, are with the batches. With
            ``'cpu'`` and networks on an accelerator, a draw makes the host wait once: it has
            to know which images to fetch.
        pin_memory (bool): Keep images on the CPU in page-locked memory, from which batches
            reach an accelerator faster and while it computes. Without an accelerator it does
            nothing. Defaults to False.
        max_gib (float): The most that the images may take, in GiB. Defaults to 16.

    Raises:
        ConfigError: A number is out of its range, or ``device`` cannot be used.
    """

    required = ('image', 'class_share', 'confidence')  # of a batch

    def __init__(
        self,
        capacity: int,
        device: str | None = None,
        pin_memory: bool = False,
        max_gib: float = 16.0,
    ):
        check_int(self, 1, capacity=capacity)
        check_number(self, '(0, inf)', max_gib=max_gib)
        check_bool(self, pin_memory=pin_memory)
        try:
            self.max_priority = torch.ones((), device=device or 'cpu')
        except (RuntimeError, AssertionError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f'{type(self).__name__}: device={device!r}: {reason}') from error
        if pin_memory and device != 'cpu':
            raise ConfigError(
                f"{type(self).__name__}: pin_memory=True needs device='cpu', not "
                f'device={device!r}: only memory of the CPU can be page-locked'
            )
        self.max_gib = max_gib
        self.pinned = pin_memory and get_device() != 'cpu'
        self.capacity = capacity
        self.size = self.round = self.version = 0
        self.rng = None
        self.class_counts = self.max_priority.new_zeros(0, dtype=torch.float64)
        self.columns = {}
        self._fill = {}
        self._home = device
        self.add_column('priority', fill=1)
        self.add_column('weight', fill=1)
        self.add_column('birth', dtype=torch.int64)
        self.add_column('uses', dtype=torch.int64)

    @property
    def room(self) -> int:
        """Number of slots that the columns have memory for."""
        return self.capacity

    def reserve(self, image_size: tuple[int, int], channels: int = 3) -> str:
        """State the memory of M x C x H x W bytes of images; nothing is allocated yet.

        Raises:
            ConfigError: It is more than ``max_gib``, or than what is free.
        """
        height, width = image_size
        needed = self.capacity * channels * height * width
        figure = (
            f'{self.capacity} x {channels} x {height} x {width} bytes = {byte_size(needed)}'
        )
        if needed > self.max_gib * 2**30:
            raise ConfigError(
                f'model.buffer: capacity={self.capacity} takes {figure}, more than '
                f'max_gib={self.max_gib}; lower capacity or raise max_gib'
            )
        device = self._home or get_device()
        free = free_memory(device)
        if free is not None and needed > free:
            raise ConfigError(
                f'model.buffer: capacity={self.capacity} takes {figure}, but '
                f'{byte_size(free)} of memory are free ({device}); lower capacity or '
                'image_size, or choose another device'
            )
        return f'The replay buffer takes {figure}.'

    def add_column(
        self,
        name: str,
        shape: tuple[int, ...] = (),
        dtype: torch.dtype = torch.float32,
        fill: float = 0,
    ) -> None:
        """Add a column ``[M, *shape]``; one that exists already, with this form, is kept.

        Args:
            name: Key of the column, here and in batches.
            shape: Shape of one row.
            dtype: Its dtype.
            fill: Its value in slots whose batch does not bring the column.

        Raises:
            ConfigError: The column exists with another shape or dtype.
        """
        column = self.columns.get(name)
        if column is None:
            column = self._new_column(name, shape, dtype, fill)
        elif (column.shape[1:], column.dtype) != (tuple(shape), dtype):
            raise ConfigError(
                f"{type(self).__name__}: column '{name}' exists as "
                f'{tuple(column.shape[1:])} of {column.dtype}, asked for as {tuple(shape)} of '
                f'{dtype}'
            )
        self.columns[name] = column
        self._fill[name] = fill

    @torch.no_grad()
    def extend(self, batch: SampleBatch, writer) -> Tensor:
        """Write a batch: free slots first, in order, then those that ``writer`` gives up.

        Args:
            batch: ``image`` [N, C, H, W] float in [0, 1], ``class_share`` [N, K],
                ``confidence`` [N]; any other key [N, ...] becomes a column.
            writer (BaseWriter): Chooses the slots to overwrite.

        Returns:
            Tensor: [N] int64, the slots written, in the order of the batch.

        Raises:
            ConfigError: N is larger than the capacity.
            ValueError: A required key is missing, or the rows differ in number.
            RuntimeError: The writer did not return distinct slots, as many as asked for.
        """
        n = self._check(batch)
        self._move(batch['image'].device)
        self._allocate(batch)
        rows = self._rows(batch, n)
        free = min(n, self.capacity - self.size)
        slots = torch.arange(self.size, self.size + free, device=self.device)
        if free < n:
            evicted = writer.evict(self, rows, n - free)
            # Checked, as a slot written twice would falsify the class counts unnoticed.
            if len(evicted) != n - free or len(evicted.unique()) != n - free:
                raise RuntimeError(
                    f'{type(writer).__name__}.evict must return {n - free} distinct slots'
                )
            slots = torch.cat([slots, evicted])

        share = self.columns['class_share']  # zero in free slots
        change = rows['class_share'].double().sum(0) - share[slots].double().sum(0)
        all_reduce(change)
        self.class_counts += change
        for name, column in self.columns.items():
            column[slots.to(column.device)] = rows[name]
        self.size += free
        self.version += 1
        return slots

    def __getitem__(self, indices: Tensor) -> SampleBatch:
        """All columns at ``indices`` [N], on their device; ``image`` as float in [0, 1].

        Answers of the teacher are large, and left out: a student step reads them by
        :attr:`columns`.
        """
        self.check_filled()
        target = indices.device
        # Only towards the accelerator: a host that reads too early would read garbage.
        overlap = target.type != 'cpu'
        rows = {
            name: self._gather(name, indices.to(column.device)).to(target, non_blocking=overlap)
            for name, column in self.columns.items()
            if not name.startswith(ANSWER)
        }
        rows['image'] = from_bytes(rows['image'])
        return rows

    def state_dict(self) -> dict:
        """The filled slots and all counters; loadable with ``weights_only=True``."""
        return dict(
            capacity=self.capacity,
            size=self.size,
            round=self.round,
            version=self.version,
            class_counts=self.class_counts.clone(),
            max_priority=self.max_priority.clone(),
            # Cloned, as torch.save writes the whole memory behind a view.
            columns={
                name: column[: self.size].clone()
                for name, column in self.columns.items()
                if not name.startswith(ANSWER)
            },
            fill=dict(self._fill),
        )

    def load_state_dict(self, state: dict) -> None:
        """Load a saved buffer, also into an empty one.

        Raises:
            ConfigError: The saved buffer has another capacity.
        """
        if state['capacity'] != self.capacity:
            raise ConfigError(
                f'{type(self).__name__}: capacity={self.capacity}, but the checkpoint holds a '
                f'buffer of capacity {state["capacity"]}; set capacity to that'
            )
        self.size, self.round = state['size'], state['round']
        self.version = state['version']
        # To where the batches will come from, if somebody has said where random numbers do.
        self._move(self.device if self.rng is None else self.rng.device)
        self.class_counts = state['class_counts'].to(self.device, copy=True)
        self.max_priority = state['max_priority'].to(self.device, copy=True)
        for name in self.columns.keys() - state['columns'].keys():
            self.columns[name].fill_(self._fill[name])
        for name, rows in state['columns'].items():
            self.columns.pop(name, None)
            self.add_column(name, rows.shape[1:], rows.dtype, state['fill'][name])
            self.columns[name][: self.size] = rows.to(self.columns[name].device)

    def deal(self, states: list[dict], rank: int, world_size: int) -> dict:
        """Every ``world_size``-th of all samples, from the oldest to the newest.

        Each process gets an equal part of every round's samples. ``class_counts`` and the
        largest priority are those of all parts together, capacity is this process's own. See
        :meth:`BaseBuffer.deal`.
        """
        birth = torch.cat([state['columns']['birth'] for state in states])
        kept = birth.argsort(stable=True)[-world_size * self.capacity :]
        columns = {
            name: torch.cat([state['columns'][name] for state in states])[kept]
            for name in states[0]['columns']
        }
        mine = {name: rows[rank::world_size].clone() for name, rows in columns.items()}
        counts = states[0]['class_counts']
        if 'class_share' in columns:
            counts = columns['class_share'].double().sum(0)
        return states[0] | dict(
            capacity=self.capacity,
            size=len(mine['birth']),
            class_counts=counts,
            max_priority=torch.stack([state['max_priority'] for state in states]).max(),
            columns=mine,
        )

    def _place(self, name: str, device: torch.device) -> torch.device | str:
        """Device of a column if the batches come from ``device``."""
        return self._home or device if name == 'image' else device

    def _pins(self, name: str) -> bool:
        return self.pinned and name == 'image'

    def _new_column(
        self, name: str, shape: tuple[int, ...], dtype: torch.dtype, fill: float
    ) -> Tensor:
        """A column [room, *shape], filled, on its device."""
        return torch.full(
            (self.room, *shape),
            fill,
            dtype=dtype,
            device=self._place(name, self.max_priority.device),
            pin_memory=self._pins(name),
        )

    def _gather(self, name: str, slots: Tensor) -> Tensor:
        """A column at ``slots``, page-locked if it is: an ordinary copy would not be."""
        column = self.columns[name]
        rows = column.new_empty(len(slots), *column.shape[1:], pin_memory=self._pins(name))
        return torch.index_select(column, 0, slots, out=rows)

    def _check(self, batch: SampleBatch) -> int:
        """Number of rows of ``batch``, if it can be written at all."""
        missing = [name for name in self.required if name not in batch]
        if missing:
            raise ValueError(f"{type(self).__name__}: the batch has no '{missing[0]}'")
        n = len(batch['image'])
        uneven = [name for name, value in batch.items() if len(value) != n]
        if uneven:
            raise ValueError(
                f"{type(self).__name__}: '{uneven[0]}' has {len(batch[uneven[0]])} rows, "
                f"'image' {n}"
            )
        for name, value in batch.items():
            column = self.columns.get(name)
            if column is not None and column.shape[1:] != value.shape[1:]:
                raise ConfigError(
                    f"{type(self).__name__}: column '{name}' has rows of "
                    f'shape {list(column.shape[1:])}, but the batch has rows of shape '
                    f'{list(value.shape[1:])}; give every batch the same shape'
                )
        if n > self.capacity:
            raise ConfigError(
                f'{type(self).__name__}: capacity={self.capacity} is smaller than the batch '
                f'of {n}; raise capacity, or make fewer samples in a round'
            )
        return n

    def _move(self, device: torch.device) -> None:
        """Move all columns to their devices if the batches come from ``device``."""
        for name, column in self.columns.items():
            self.columns[name] = column.to(self._place(name, device))
        self.class_counts = self.class_counts.to(device)
        self.max_priority = self.max_priority.to(device)

    def _allocate(self, batch: SampleBatch) -> None:
        """Make a column for each key of ``batch`` that has none yet."""
        dtypes = dict(image=torch.uint8, class_share=torch.float32, confidence=torch.float32)
        for name, value in batch.items():
            if name not in self.columns:
                self.add_column(name, value.shape[1:], dtypes.get(name, value.dtype))
        if self.needs_facts and not len(self.class_counts):
            self.class_counts = self.class_counts.new_zeros(batch['class_share'].shape[1])

    def _rows(self, batch: SampleBatch, n: int) -> SampleBatch:
        """``batch`` as it will be stored: all columns, in their dtypes, on their devices.

        What a batch brings of the managed columns (rows of another buffer) is not used.
        """
        batch = {name: value for name, value in batch.items() if name not in MANAGED}
        batch['image'] = to_bytes(batch['image'])
        fill = {**self._fill, 'birth': self.round}
        rows = {}
        for name, column in self.columns.items():
            if name in batch:
                rows[name] = batch[name].to(column.dtype).to(column.device)
            elif name == 'priority':
                rows[name] = self.max_priority.expand(n)
            else:
                rows[name] = column.new_full((n, *column.shape[1:]), fill[name])
        return rows
