"""Atomic writing of checkpoints."""

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from ssdkd.atomic import write_whole


class AtomicLocalBackend(LocalBackend):
    """Local files that are replaced atomically, even if the process is killed.

    See :func:`ssdkd.atomic.write_whole`. Chosen by ``backend_args=dict(backend='atomic')``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        write_whole(filepath, obj)


register_backend('atomic', AtomicLocalBackend, force=True)
