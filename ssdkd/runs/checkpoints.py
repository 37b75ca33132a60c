"""Checkpoints of a run, and the choice of the one to resume from."""

from pathlib import Path

from ssdkd.errors import ConfigError
from ssdkd.models.checkpoint import damage
from ssdkd.models.file_formats import recognise
from ssdkd.runs.files import NUMBERED


def checkpoints(work_dir: str | Path) -> list[Path]:
    """The numbered checkpoints in a work directory, oldest first."""
    found = [p for p in Path(work_dir).glob('*_*.pth') if NUMBERED.fullmatch(p.name)]
    return sorted(found, key=_number)


def latest_checkpoint(work_dir: str | Path) -> Path | None:
    """The newest numbered checkpoint in a work directory; None if there is none.

    Each one is whole (see ``ssdkd/engine/atomic_backend.py``), unless the disk damaged it.
    """
    return next(reversed(checkpoints(work_dir)), None)


def newest_checkpoint(run: str | Path) -> Path:
    """The newest checkpoint in a work directory; a file stands for itself.

    Raises:
        ConfigError: There is none.
    """
    run = Path(run)
    if run.is_file():
        return run
    latest = latest_checkpoint(run)
    if latest is None:
        raise ConfigError(
            f"'{run}' is neither a checkpoint nor a work directory with a round_*.pth in it"
        )
    return latest


def check_unused(work_dir: str | Path, remedy: str) -> None:
    """Raise a ``ConfigError`` if a work directory holds a run already.

    Two runs in one folder would be mixed up by every tool that reads it.

    Args:
        work_dir: The folder; it need not exist.
        remedy: What to do instead, for the message.
    """
    if checkpoints(work_dir):
        raise ConfigError(f"'{work_dir}' holds a run already; {remedy}")


def resume_point(asked: str, work_dir: str | Path) -> Path | None:
    """The intact checkpoint that ``--resume`` continues from.

    Args:
        asked: A file, or ``'auto'`` for the newest in the work directory.
        work_dir: Folder of the resumed run.

    Returns:
        Path: The checkpoint; None for ``'auto'`` where there is none yet.

    Raises:
        ConfigError: The file is missing, damaged or of another format, or the work directory
            holds checkpoints that a run from this file would be mixed up with.
    """
    found = checkpoints(work_dir)
    if asked == 'auto':
        chosen = next(reversed(found), None)
    else:
        chosen = Path(asked)
        if not chosen.is_file():
            raise ConfigError(f"--resume: there is no checkpoint '{asked}'")
        _check_alone(chosen, found, work_dir)
    if chosen is None:
        return None
    what, other = damage(chosen), recognise(chosen)
    if what or other:
        intact = next((p for p in reversed(found) if p != chosen and not damage(p)), None)
        offer = f'--resume {intact}' if intact else 'another --work-dir for a new run'
        what = other.what if other else f'damaged or truncated ({what})'
        raise ConfigError(f"--resume: '{chosen}' is {what}; use {offer}")
    return chosen


def _check_alone(chosen: Path, found: list[Path], work_dir: str | Path) -> None:
    """The folder must hold this run alone, and nothing intact that is newer."""
    inside = [p for p in found if p.samefile(chosen)]
    if found and not inside:
        raise ConfigError(
            f"--resume: '{work_dir}' holds another run than '{chosen}'; choose another "
            '--work-dir, or remove it'
        )
    for newer in found:
        if inside and _number(newer) > _number(inside[0]) and not damage(newer):
            raise ConfigError(
                f"--resume: '{newer}' is newer than '{chosen}', and a later --resume would "
                'continue from it; move it away, or choose another --work-dir'
            )


def _number(path: Path) -> int:
    return int(NUMBERED.fullmatch(path.name)[1])
