"""What a run says on the console, and what only its files hold."""

import re

from helpers import NO_VAL, call_tool, tiny_config

# With options, call_tool gives each run a name of its own.
NAMED = ('--cfg-options', 'train_cfg.val_begin=1')


def test_a_run_starts_with_what_matters(tmp_path, capfd):
    cfg = tiny_config(tmp_path, NO_VAL)
    run, config = tmp_path / 'run', tmp_path / 'mine.py'
    cfg.dump(config)
    call_tool('train.py', config, *NAMED)
    said = capfd.readouterr().out
    head, _, rounds = said.partition('Round [1/4]')
    assert len(head.splitlines()) <= 12
    for part in ('mine.py', 'CifarResNet(depth=8', str(tmp_path / 'teacher.pth'), 'parameters',
                 'GeneratorSynthesizer', 'PrioritySampler', '64 samples', 'cpu',
                 '4, 1 of them warm-up; 2 student steps each'):  # fmt: skip
        assert part in head, part
    assert re.search(r'validation +none', head)
    assert len(rounds.splitlines()) < 20 and 'poch' not in said and 'Exp name' not in said
    assert re.search(r'Time  about [\d.]+ s for the remaining 1 round,', rounds)
    # The rest is in the files.
    log = next(run.glob('*/*.log')).read_text()
    assert 'System environment' in log and 'capacity=64' in log and 'Hooks will be' in log
    assert (run / 'mine.py').is_file() and (run / 'environment.json').is_file()

    call_tool('train.py', config, '--resume', *NAMED)
    said = capfd.readouterr().out
    assert f"This run is finished (4 rounds). Its results are in '{run}'" in said
    assert 'with N above 4 (in distill(): resume= and budget=N)' in said
    assert 'train_cfg.max_rounds=N' in said and 'Round [' not in said
    assert 'Distillation' not in said


def test_a_finished_run_without_a_summary_is_completed(tmp_path, capfd):
    cfg = tiny_config(tmp_path, NO_VAL)
    cfg.dump(tmp_path / 'mine.py')
    call_tool('train.py', tmp_path / 'mine.py', *NAMED)
    result = (tmp_path / 'run/summary.json').read_bytes()
    (tmp_path / 'run/summary.json').unlink()
    (tmp_path / 'run/student.pth').unlink()
    call_tool('train.py', tmp_path / 'mine.py', '--resume', *NAMED)
    assert (tmp_path / 'run/student.pth').is_file()
    assert (tmp_path / 'run/summary.json').read_bytes()[:20] == result[:20]


def test_a_test_leaves_nothing_that_nobody_asked_for(tmp_path, capfd, monkeypatch):
    cfg = tiny_config(tmp_path)
    cfg.pop('work_dir')
    cfg.dump(tmp_path / 'mine.py')
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob('*'))
    call_tool('test.py', 'mine.py', '--teacher', *NAMED)
    assert sorted(tmp_path.rglob('*')) == before
    said = capfd.readouterr().out
    assert 'Test of the teacher on 360 images' in said and 'Test  accuracy: ' in said
    assert len(said.splitlines()) == 3
    assert 'no more than by chance' in said, 'the weights are random'
    call_tool('test.py', 'mine.py', '--teacher', '--work-dir', 'logs', *NAMED)
    assert list(tmp_path.glob('logs/*/*.log'))
