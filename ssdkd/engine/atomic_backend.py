"""Checkpoints that are either whole or not there."""

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend


class AtomicLocalBackend(LocalBackend):
    """Local files written beside their place, flushed to disk and then moved into it.

    A process killed at any moment leaves the old file or the new one, never a torn one.
    Chosen by ``backend_args=dict(backend='atomic')``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        filepath = Path(filepath)
        filepath.parent.mkdir(parents=True, exist_ok=True)
        temporary = filepath.with_name(f'.{filepath.name}.{os.getpid()}.tmp')
        try:
            with open(temporary, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, filepath)
        finally:
            temporary.unlink(missing_ok=True)


register_backend('atomic', AtomicLocalBackend, force=True)
