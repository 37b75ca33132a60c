"""Find the checkpoints of a run."""

from pathlib import Path


def latest_round(work_dir: str | Path) -> Path | None:
    """The checkpoint of the latest round in a work directory; None if there is none.

    Each ``round_N.pth`` that is there is whole (see ``ssdkd/engine/atomic_backend.py``).
    """
    found = [p for p in Path(work_dir).glob('round_*.pth') if p.stem.split('_')[1].isdigit()]
    return max(found, key=lambda p: int(p.stem.split('_')[1]), default=None)
