"""Removal of a work directory in which no run has begun."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import is_main_process

from ssdkd.errors import ConfigError
from ssdkd.runs.round_log import read_rounds


@contextmanager
def removed_if_unused(work_dir: str | Path, made: bool = False) -> Iterator[None]:
    """Remove the folders that are made inside if a ``ConfigError`` comes before a first round.

    What was there before stays, and so does a folder with a checkpoint or a finished round.

    Args:
        work_dir: Folder of the run.
        made: Whether the caller has just made it for this run.
    """
    work_dir = Path(work_dir)
    new = [path for path in (work_dir, *work_dir.parents) if not path.exists()]
    new = new or [work_dir] * made
    try:
        yield
    except ConfigError:
        used = read_rounds(work_dir) or any(work_dir.glob('*.pth'))
        if is_main_process() and not used and work_dir in new:
            shutil.rmtree(work_dir, ignore_errors=True)
            for parent in new[1:]:
                if not any(parent.iterdir()):
                    parent.rmdir()
        raise
