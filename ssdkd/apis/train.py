"""What every start of a training asks."""

from pathlib import Path

from ssdkd.errors import ConfigError
from ssdkd.rounds import latest_round


def check_unused(work_dir: str | Path, remedy: str) -> None:
    """Raise a ``ConfigError`` if a work directory holds a run already.

    Two runs in one folder would be mixed up by every tool that reads it.

    Args:
        work_dir: The folder; it need not exist.
        remedy: What to do instead, for the message.
    """
    if latest_round(work_dir):
        raise ConfigError(f"'{work_dir}' holds a run already; {remedy}")
