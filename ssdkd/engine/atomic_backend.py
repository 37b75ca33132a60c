"""Checkpoints that are either whole or not there."""

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from ssdkd.atomic import write_whole


class AtomicLocalBackend(LocalBackend):
    """Local files that a process killed at any moment leaves old or new, never torn.

    See :func:`ssdkd.atomic.write_whole`. Chosen by ``backend_args=dict(backend='atomic')``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        write_whole(filepath, obj)


register_backend('atomic', AtomicLocalBackend, force=True)
