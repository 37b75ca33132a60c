"""Find the checkpoints of a run."""

from pathlib import Path

from ssdkd.errors import ConfigError


def latest_round(work_dir: str | Path) -> Path | None:
    """The checkpoint of the latest round in a work directory; None if there is none.

    Each ``round_N.pth`` that is there is whole (see ``ssdkd/engine/atomic_backend.py``).
    """
    found = [p for p in Path(work_dir).glob('round_*.pth') if p.stem.split('_')[1].isdigit()]
    return max(found, key=lambda p: int(p.stem.split('_')[1]), default=None)


def newest_checkpoint(run: str | Path) -> Path:
    """The checkpoint of the latest round in a work directory; a file stands for itself.

    Raises:
        ConfigError: There is none.
    """
    run = Path(run)
    if run.is_file():
        return run
    latest = latest_round(run)
    if latest is None:
        raise ConfigError(
            f"'{run}' is neither a checkpoint nor a work directory with a round_*.pth in it"
        )
    return latest
