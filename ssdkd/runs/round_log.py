"""The log of a run as data: one JSON line per round."""

import json
from datetime import datetime
from pathlib import Path

from ssdkd.atomic import write_whole
from ssdkd.runs.files import ROUNDS


class RoundLog:
    """Appends one JSON line per round to ``rounds.jsonl``.

    Each line has ``round`` (from 1), ``phase`` (``'warm-up'`` or ``'distillation'``), ``terms``
    (the round's means), ``seconds`` (cumulated by phase), ``elapsed`` (seconds of training so
    far, validation included and pauses between two starts left out) and ``time`` (the clock at
    the end of the round). A start keeps the lines of the rounds before it.

    Args:
        work_dir (str | Path): The work directory.
        done (int): Rounds before this start.
    """

    def __init__(self, work_dir: str | Path, done: int):
        self._path = Path(work_dir, ROUNDS)
        kept = [line for line in read_rounds(work_dir) if line['round'] <= done]
        write_whole(self._path, ''.join(json.dumps(line) + '\n' for line in kept))

    def append(
        self,
        number: int,
        phase: str,
        terms: dict[str, float],
        seconds: dict[str, float],
        elapsed: float,
    ) -> None:
        """Add the line of a round that has just ended."""
        line = {
            'round': number,
            'phase': phase,
            'terms': terms,
            'seconds': seconds,
            'elapsed': round(elapsed, 3),
            'time': datetime.now().astimezone().isoformat(timespec='milliseconds'),
        }
        with open(self._path, 'a') as file:
            file.write(json.dumps(line) + '\n')


def read_rounds(work_dir: str | Path) -> list[dict]:
    """The lines of ``rounds.jsonl``, without one that a killed run was writing."""
    return read_json_lines(Path(work_dir, ROUNDS))


def read_json_lines(path: Path) -> list[dict]:
    """The whole lines of a file with one JSON object per line; none if there is no file."""
    records = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:  # the line that a killed run was writing
            continue
    return records
