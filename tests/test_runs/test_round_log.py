import json
from datetime import datetime

from ssdkd.runs import RoundLog, read_rounds

SECONDS = dict(inversion=1.0, distillation=2.0)


def numbers(folder) -> list[int]:
    return [line['round'] for line in read_rounds(folder)]


def test_a_line_per_round(tmp_path):
    log = RoundLog(tmp_path, 0)
    assert (tmp_path / 'rounds.jsonl').read_text() == ''
    log.append(1, 'warm-up', dict(inversion_bn=2.5), SECONDS, 5.0)
    log.append(2, 'distillation', dict(loss=1.5), SECONDS, 7.0)
    lines = [json.loads(t) for t in (tmp_path / 'rounds.jsonl').read_text().splitlines()]
    assert [line['elapsed'] for line in lines] == [5, 7]
    for line in lines:
        assert datetime.fromisoformat(line.pop('time')).tzinfo is not None
        del line['elapsed']
    assert lines == [
        dict(round=1, phase='warm-up', terms=dict(inversion_bn=2.5), seconds=SECONDS),
        dict(round=2, phase='distillation', terms=dict(loss=1.5), seconds=SECONDS),
    ]


def test_resume_keeps_the_rounds_before_it(tmp_path):
    log = RoundLog(tmp_path, 0)
    for number in (1, 2, 3):
        log.append(number, 'distillation', {}, SECONDS, 10.0 * number)
    log = RoundLog(tmp_path, 2)
    assert numbers(tmp_path) == [1, 2]
    log.append(3, 'distillation', {}, SECONDS, 23.0)
    assert [line['elapsed'] for line in read_rounds(tmp_path)] == [10, 20, 23]


def test_a_fresh_start_empties_it(tmp_path):
    RoundLog(tmp_path, 0).append(1, 'distillation', {}, SECONDS, 1.0)
    RoundLog(tmp_path, 0)
    assert numbers(tmp_path) == []


def test_a_line_cut_by_a_kill(tmp_path):
    log = RoundLog(tmp_path, 0)
    for number in (1, 2):
        log.append(number, 'distillation', dict(loss=1.0), SECONDS, 1.0)
    path = tmp_path / 'rounds.jsonl'
    path.write_text(path.read_text()[:-20])
    assert numbers(tmp_path) == [1]
    RoundLog(tmp_path, 1).append(2, 'distillation', {}, SECONDS, 1.0)
    assert [json.loads(t)['round'] for t in path.read_text().splitlines()] == [1, 2]


def test_there_is_none_yet(tmp_path):
    assert read_rounds(tmp_path) == []
