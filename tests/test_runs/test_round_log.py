import json
from datetime import datetime

import pytest

from ssdkd.runs import RoundLog, read_rounds

SECONDS = dict(inversion=1.0, distillation=2.0)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [1000.0]
    monkeypatch.setattr('ssdkd.runs.round_log.time.monotonic', lambda: now[0])
    return now


def numbers(folder) -> list[int]:
    return [line['round'] for line in read_rounds(folder)]


def test_a_line_per_round(tmp_path, clock):
    log = RoundLog(tmp_path, 0)
    assert (tmp_path / 'rounds.jsonl').read_text() == ''
    clock[0] += 5
    log.append(1, 'warm-up', dict(inversion_bn=2.5), SECONDS)
    clock[0] += 2
    log.append(2, 'distillation', dict(loss=1.5), SECONDS)
    lines = [json.loads(t) for t in (tmp_path / 'rounds.jsonl').read_text().splitlines()]
    assert [line['elapsed'] for line in lines] == [5, 7]
    for line in lines:
        assert datetime.fromisoformat(line.pop('time')).tzinfo is not None
        del line['elapsed']
    assert lines == [
        dict(round=1, phase='warm-up', terms=dict(inversion_bn=2.5), seconds=SECONDS),
        dict(round=2, phase='distillation', terms=dict(loss=1.5), seconds=SECONDS),
    ]


def test_resume_keeps_the_rounds_before_it_and_leaves_out_the_pause(tmp_path, clock):
    log = RoundLog(tmp_path, 0)
    for number in (1, 2, 3):
        clock[0] += 10
        log.append(number, 'distillation', {}, SECONDS)
    clock[0] += 1000
    log = RoundLog(tmp_path, 2)
    assert numbers(tmp_path) == [1, 2]
    clock[0] += 3
    log.append(3, 'distillation', {}, SECONDS)
    assert [line['elapsed'] for line in read_rounds(tmp_path)] == [10, 20, 23]


def test_a_fresh_start_empties_it(tmp_path):
    RoundLog(tmp_path, 0).append(1, 'distillation', {}, SECONDS)
    RoundLog(tmp_path, 0)
    assert numbers(tmp_path) == []


def test_a_line_cut_by_a_kill(tmp_path):
    log = RoundLog(tmp_path, 0)
    for number in (1, 2):
        log.append(number, 'distillation', dict(loss=1.0), SECONDS)
    path = tmp_path / 'rounds.jsonl'
    path.write_text(path.read_text()[:-20])
    assert numbers(tmp_path) == [1]
    RoundLog(tmp_path, 1).append(2, 'distillation', {}, SECONDS)
    assert [json.loads(t)['round'] for t in path.read_text().splitlines()] == [1, 2]


def test_there_is_none_yet(tmp_path):
    assert read_rounds(tmp_path) == []
