"""Say in a line what this writer is for."""

from ssdkd.registry import WRITERS
from ssdkd.writers import BaseWriter


@WRITERS.register_module()
class PluginName(BaseWriter):
    """Overwrites the samples that the student has seen most often."""

    def evict(self, buffer, batch, n):
        uses = buffer.columns['uses'][: len(buffer)]
        return uses.argsort(descending=True, stable=True)[:n]
