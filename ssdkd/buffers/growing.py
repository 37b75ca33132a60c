"""Buffer that keeps every sample, up to a limit."""

import torch
from mmengine.logging import print_log
from torch import Tensor

from ssdkd.buffers.base import SampleBatch
from ssdkd.buffers.replay import ReplayBuffer
from ssdkd.errors import ConfigError
from ssdkd.registry import BUFFERS
from ssdkd.words import byte_size


@BUFFERS.register_module()
class GrowingBuffer(ReplayBuffer):
    """Keeps all samples of all rounds, and takes memory for them as they come.

    The sample store of DeepInversion (Yin et al. 2020, arXiv 1912.08795), CMI (Fang et al.
    2021, arXiv 2105.08584) and Fast (Fang et al. 2022, arXiv 2112.12568), which write each
    image to disk. Here the store lives in memory: the columns start with the first batch and
    are doubled whenever they are full, up to a bound. When that is reached the log says so,
    once, and from there on the writer gives up slots as in a :class:`ReplayBuffer`.

    While the columns are doubled, the old images and the new ones exist side by side.

    Args:
        capacity (int): The most samples that this process may keep, at least 1. Where
            ``max_gib`` allows fewer, :meth:`reserve` lowers it to those.
        device (str | None): See :class:`ReplayBuffer`.
        pin_memory (bool): See :class:`ReplayBuffer`. Defaults to False.
        max_gib (float): The most that the images may take, in GiB. Defaults to 16.

    Raises:
        ConfigError: See :class:`ReplayBuffer`.
    """

    def __init__(
        self,
        capacity: int,
        device: str | None = None,
        pin_memory: bool = False,
        max_gib: float = 16.0,
    ):
        self._room = 0
        super().__init__(capacity, device, pin_memory, max_gib)

    @property
    def room(self) -> int:
        return self._room

    def reserve(self, image_size: tuple[int, int], channels: int = 3) -> str:
        """State how far the slots will grow, and set the limit that the memory allows.

        Raises:
            ConfigError: Not one sample fits into ``max_gib``.
        """
        height, width = image_size
        image = channels * height * width
        fitting = int(self.max_gib * 2**30 / image)
        if fitting < 1:
            raise ConfigError(
                f'model.buffer: max_gib={self.max_gib} holds no sample of {channels} x '
                f'{height} x {width} bytes = {byte_size(image)}; raise max_gib'
            )
        if fitting < self.capacity:
            self.capacity, self.bound = fitting, f'max_gib={self.max_gib}'
        return (
            f'The replay buffer grows to {self.capacity} x {channels} x {height} x {width} '
            f'bytes = {byte_size(self.capacity * image)} at most (bound: {self.bound}).'
        )

    def extend(self, batch: SampleBatch, writer) -> Tensor:
        """Write a batch: new slots first, then, at the bound, those of ``writer``.

        See :meth:`ReplayBuffer.extend`.
        """
        before = self.size
        self._grow(before + self._check(batch))
        slots = super().extend(batch, writer)
        if before < self.size == self.capacity:
            print_log(
                f'The replay buffer has grown to its bound of {self.capacity} samples '
                f'({self.bound}): from now on new samples overwrite old ones, chosen by '
                f'{type(writer).__name__}.',
                'current',
            )
        return slots

    def load_state_dict(self, state: dict) -> None:
        self._grow(state['size'])
        super().load_state_dict(state)

    @torch.no_grad()
    def _grow(self, size: int) -> None:
        """Make room for ``size`` slots: at least double the present number, within capacity."""
        size = min(size, self.capacity)
        if size <= self._room:
            return
        self._room = min(max(size, 2 * self._room), self.capacity)
        for name, column in self.columns.items():
            grown = self._new_column(name, column.shape[1:], column.dtype, self._fill[name])
            grown[: self.size] = column[: self.size]
            self.columns[name] = grown
