"""Say in a line what this buffer is for."""

from ssdkd.buffers import ReplayBuffer
from ssdkd.registry import BUFFERS


@BUFFERS.register_module()
class PluginName(ReplayBuffer):
    """A replay buffer with a column of its own, ``plugin_score`` [M]."""

    def __init__(self, capacity: int, device: str | None = None, max_gib: float = 16.0):
        super().__init__(capacity, device, max_gib=max_gib)
        self.add_column('plugin_score', fill=0)
