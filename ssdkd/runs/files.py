"""Names of the files that a run leaves in its work directory."""

import json
import re
from pathlib import Path

CONFIG = 'config.py'
NETWORK = '{}_module.pt'  # by role; the networks that distill() was called with
STUDENT = 'student.pth'
ROLE = '{}.pth'  # by role; any other trained network
SUMMARY = 'summary.json'
ROUNDS = 'rounds.jsonl'
ENVIRONMENT = 'environment.json'
CHECKPOINT = 'round_{}.pth'
SAMPLE_GRID = 'samples/round_{}.png'
REPORT = 'report.html'
CURVES = 'curves.png'
BALANCE = 'balance.png'

# Of a distillation by round, of a teacher's training by epoch or iteration.
NUMBERED = re.compile(r'(?:round|epoch|iter)_(\d+)\.pth')
BEST = re.compile(r'best_\w+_(round|epoch|iter)_\d+\.pth')
# In the folder of one start, which mmengine names by the time.
SCALARS = 'vis_data/scalars.json'
START_CONFIG = 'vis_data/config.py'


def starts(work_dir: str | Path) -> list[Path]:
    """The folder of each start of a run, oldest first."""
    return [folder.parent for folder in sorted(Path(work_dir).glob('*/vis_data'))]


def newest_sample_grid(work_dir: str | Path) -> tuple[int, Path] | None:
    """The last round with a grid of samples, and the grid; None if there is none."""
    paths = Path(work_dir).glob(SAMPLE_GRID.format('*'))
    numbers = [p.stem.removeprefix('round_') for p in paths]
    newest = max((int(n) for n in numbers if n.isdigit()), default=None)
    return None if newest is None else (newest, Path(work_dir, SAMPLE_GRID.format(newest)))


def read_summary(work_dir: str | Path) -> dict | None:
    """The summary of a run; None before its end."""
    return _read(Path(work_dir, SUMMARY))


def read_environment(work_dir: str | Path) -> dict[str, str] | None:
    """Versions and machine of the run's newest start; None if they are not recorded."""
    return _read(Path(work_dir, ENVIRONMENT))


def _read(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):  # missing, or copied in part
        return None
