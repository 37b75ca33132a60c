"""The command as its user calls it: stopped, continued, with a method that fails."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from argparse import Namespace

import pytest
import torch
from helpers import DIGITS, ROOT, TINY, call_tool, environment, run_tool, save_teacher

from ssdkd.benchmark import PlanFile
from ssdkd.benchmark.cells import Trainer
from ssdkd.benchmark.session import run_specs
from ssdkd.benchmark.spec import read_specs
from ssdkd.errors import ConfigError

OPTIONS = TINY | {'default_hooks.checkpoint.interval': 3, 'custom_hooks.5.images': 20}
UNIFORM = {
    'model.sampler': dict(type='UniformSampler', _delete_=True),
    'model.writer': dict(type='RandomWriter', _delete_=True),
}
SPEC = """\
methods = dict(
    ours=dict(config='{config}', label='SSD-KD', x=0.5),
    uniform=dict(config='{config}', label='Uniform', seeds=[0], options={uniform}),
    broken=dict(config='{config}', label='Broken', seeds=[7],
                options={{'model.student.model.num_classes': 7}}),
)
seeds = [0, 1]
budget = dict({budget})
reference = 'uniform'
ours = 'ours'
options = {options}
x = 'share of the data'
"""


def write_spec(folder, budget: str, text: str = SPEC):
    options = OPTIONS | {'model.teacher.checkpoint': str(folder / 'teacher.pth')}
    path = folder / 'tiny.py'
    path.write_text(text.format(config=DIGITS, uniform=UNIFORM, options=options, budget=budget))
    if not (folder / 'teacher.pth').exists():
        save_teacher(dict(type='CifarResNet', depth=8), folder / 'teacher.pth', image_size=16)
    return path


def start(*args) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, 'tools/benchmark.py', *map(str, args)],
        cwd=ROOT, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


@pytest.fixture(scope='module')
def compared(tmp_path_factory):
    """A benchmark that was stopped in its first run and then called again.

    Returns the spec, the work directory, and what the second call said.
    """
    folder = tmp_path_factory.mktemp('benchmark')
    spec, out = write_spec(folder, 'student_steps=19'), folder / 'out'
    first = start(spec, '--work-dir', out, '--threads', 1)
    deadline = time.monotonic() + 600
    while not (out / 'ours/seed_0/round_3.pth').exists():
        assert first.poll() is None and time.monotonic() < deadline, first.communicate()
        time.sleep(0.01)
    first.send_signal(signal.SIGTERM)
    said = first.communicate(timeout=120)
    assert first.returncode == 143, said
    assert 'the same command continues' in said[1]
    assert not (out / 'ours/seed_0/summary.json').exists(), 'stopped too late'
    assert 'SSD-KD, seed 0' in (out / 'report.md').read_text()  # as not finished
    assert not list(out.rglob('failed.txt')), 'a stop is no failure'
    second = run_tool('benchmark.py', spec, '--work-dir', out, '--threads', 1, timeout=600)
    return spec, out, second


def test_goes_on_past_a_failure_and_says_so(compared):
    _, out, done = compared
    assert done.returncode == 1, done.stderr
    assert '[4/4]' in done.stdout and 'min left' in done.stdout
    assert '1 of 4 runs failed: Broken, seed 7' in done.stderr
    report = (out / 'report.md').read_text()
    assert 'model.student has 7 outputs' in report.split('## Failed')[1]
    assert '## Not finished' not in report
    assert report in done.stdout
    for name in ('accuracy_vs_time.png', 'accuracy_vs_x.png'):
        assert (out / name).stat().st_size > 5000


def test_table_and_csv_say_what_the_runs_say(compared):
    _, out, _ = compared
    lines = list(csv.DictReader(open(out / 'results.csv')))
    assert [(line['method'], line['seed'], line['state']) for line in lines] == [
        ('ours', '0', 'finished'), ('ours', '1', 'finished'), ('uniform', '0', 'finished'),
        ('broken', '7', 'failed')]  # fmt: skip
    for line in lines[:3]:
        folder = out / line['method'] / f'seed_{line["seed"]}'
        summary = json.loads((folder / 'summary.json').read_text())
        assert float(line['last']) == summary['student_accuracy']
        assert int(line['student_steps']) == summary['student_steps'] == 20
        assert 100 < 1024 * float(line['peak_memory_gib']) == pytest.approx(
            summary['peak_memory_mib'], abs=1)  # fmt: skip
        assert float(line['best']) >= float(line['last'])
        assert float(line['inversion_minutes']) > 0
    methods = list(csv.reader(open(out / 'methods.csv')))
    row = next(line for line in methods if line[0] == 'SSD-KD')
    mean = sum(float(line['last']) for line in lines[:2]) / 2
    assert row[1].startswith(f'{mean:.2f} ± ')


def test_the_resumed_run_equals_one_that_was_never_stopped(compared, tmp_path):
    _, out, _ = compared
    assert len(list((out / 'ours/seed_0').glob('*/vis_data'))) == 2  # two starts
    assert 'Resumed after round' in (out / 'ours/seed_0/output.txt').read_text()
    call_tool('train.py', out / 'ours/config.py', '--work-dir', tmp_path / 'run', '--seed', 0,
              '--cfg-options', 'log_level=INFO')  # fmt: skip
    mine, theirs = (
        torch.load(folder / 'student.pth') for folder in (tmp_path / 'run', out / 'ours/seed_0')
    )
    assert all(torch.equal(v, theirs[k]) for k, v in mine.items())


def test_another_call_runs_nothing(compared, capsys):
    spec, out, _ = compared
    before = {p: p.stat().st_mtime_ns for p in out.glob('*/*/summary.json')}
    (out / 'report.md').unlink()
    for option in ('--jobs=1', '--report-only'):
        with pytest.raises(SystemExit) as stop:  # a run has failed
            call_tool('benchmark.py', spec, '--work-dir', out, '--threads', 1, option)
        assert stop.value.code == 1
        assert (out / 'report.md').is_file()
    assert '4 of 4 runs have ended before' in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in out.glob('*/*/summary.json')}


def test_retry_failed_runs_the_failed_one_alone(compared, capsys):
    spec, out, _ = compared
    with pytest.raises(SystemExit):
        call_tool('benchmark.py', spec, '--work-dir', out, '--threads', 1, '--retry-failed')
    said = capsys.readouterr().out
    assert '1 runs' in said and '[1/1] Broken, seed 7: FAILED' in said


def test_dry_run_writes_nothing(tmp_path, capsys):
    spec = write_spec(tmp_path, 'student_steps=19')
    call_tool('benchmark.py', spec, '--work-dir', tmp_path / 'out', '--methods', 'ours',
              '--dry-run')  # fmt: skip
    said = capsys.readouterr().out
    assert '# SSD-KD: 13 rounds (3 of warm-up), 20 student steps per run' in said
    assert (
        len(re.findall(r'tools/train\.py .*/ours/config\.py .*--seed [01] --resume', said)) == 2
    )
    assert not (tmp_path / 'out').exists()


FACTORIAL = """\
base = dict(config='{config}', options={{**{options}, **{uniform}}})
switches = dict(
    priorities={{'model.sampler': dict(type='PrioritySampler', _delete_=True)}},
    writer={{'model.writer': dict(type='CrowdedWriter', _delete_=True)}},
)
budget = [dict(student_steps=2, seeds=[0, 1]), dict({budget}, seeds=[0, 1, 2])]
"""


def test_effects_of_parts_at_two_budgets(tmp_path, capsys):
    """Plans of both, then the report on runs that are made up: priorities add 4, then 2."""
    spec, out = write_spec(tmp_path, 'minutes=3', FACTORIAL), tmp_path / 'out'
    command = (spec, '--work-dir', out, '--threads', 1)
    call_tool('benchmark.py', *command, '--dry-run')
    said = capsys.readouterr().out
    assert '# priorities + writer: 1 rounds (0 of warm-up), 2 student steps per run' in said
    assert '# none: 3 min by the clock per run' in said
    assert said.count('/2_student_steps/') == 4 * 2 * 2 and said.count('--seed 2') == 4
    budgets = (('2_student_steps', dict(student_steps=2), 4), ('3_minutes', dict(minutes=3), 2))
    for folder, budget, effect in budgets:
        for i, variant in enumerate(('none', 'priorities', 'writer', 'priorities_+_writer')):
            for seed in range(3):
                run = out / folder / variant / f'seed_{seed}'
                run.mkdir(parents=True)
                summary = dict(
                    student_accuracy=50 + effect * (i % 2) + 0.1 * i + seed * 0.1 * (i == 2),
                    teacher_accuracy=90, rounds=2, student_steps=2, buffer_samples=16,
                    inversion_seconds=1, distillation_seconds=1,
                    class_ratio=1.5 if i else None)  # None: a class is empty  # fmt: skip
                (run / 'summary.json').write_text(json.dumps(summary))
        plans = PlanFile(budget, 1, 1, 'ssdkd benchmark', {})
        plans.write(out / folder)
        call_tool('benchmark.py', *command, '--report-only')  # on what has begun
        assert '| part | 2 student steps |' in (out / 'effects.md').read_text()
    assert (out / 'effects.md').read_text() in capsys.readouterr().out
    args = Namespace(report_only=True, dry_run=False, methods=None)
    for options, folder, message in (
        ({'budget.minutes': 3}, out, 'has one budget, and'),
        ({}, out / '3_minutes', 'has several budgets, and'),
    ):
        with pytest.raises(ConfigError, match=message):
            run_specs(read_specs(spec, options), folder, args)
    rows = list(csv.DictReader(open(out / 'effects.csv')))
    found = {(row['budget'], row['part']): float(row['effect']) for row in rows}
    assert found['2 student steps', 'priorities'] == pytest.approx(4.075)
    assert found['3 minutes', 'priorities'] == pytest.approx(2.05)
    table = (out / '3_minutes/ablation.md').read_text()
    assert '95% interval' in table and '| inf | 0.0 |' in table and '| 1.50 | 0.0 |' in table
    assert '| writer | 50.30 ± 0.10 | [50.05, 50.55] |' in table


@pytest.mark.slow
def test_a_budget_of_minutes_and_two_at_a_time(tmp_path):
    """Runs end by the clock; a reference without a result leaves the ratios open."""
    spec, out = write_spec(tmp_path, 'minutes=0.2'), tmp_path / 'out'
    command = (spec, '--work-dir', out, '--methods', 'ours,broken', '--jobs', 2, '--threads', 1)
    options = ('seeds=[0]', 'options.default_hooks.checkpoint.interval=1000')
    done = run_tool('benchmark.py', *command, '--cfg-options', *options, timeout=600)
    assert done.returncode == 1, done.stderr
    assert '2 runs, 2 at a time' in done.stdout
    assert 'Broken, seed 0: FAILED: exit status 2: error: model.student has 7' in done.stdout
    rounds = json.loads((out / 'ours/seed_0/plan.json').read_text())['rounds']
    summary = json.loads((out / 'ours/seed_0/summary.json').read_text())
    assert len(rounds) == summary['rounds'] and rounds[-1]['after'] == 1
    line = next(csv.DictReader(open(out / 'results.csv')))
    assert float(line['elapsed_minutes']) == pytest.approx(0.2, rel=0.1)
    report = (out / 'report.md').read_text()
    assert 'Uniform has no result.' in report and 'Uniform, seed 0' in report


@pytest.mark.slow
def test_jobs_of_a_cluster(tmp_path):
    """submitit's executor for this machine; the second call finds nothing to do."""
    pytest.importorskip('submitit')
    spec, out = write_spec(tmp_path, 'student_steps=4'), tmp_path / 'out'
    command = (spec, '--work-dir', out, '--methods', 'ours,broken', '--jobs', 2,
               '--executor', 'submitit', '--executor-options', 'cluster=local',
               '--cfg-options', 'seeds=[0]')  # fmt: skip
    done = run_tool('benchmark.py', *command, timeout=600)
    assert done.returncode == 1, done.stderr
    assert 'Broken, seed 0: FAILED: exit status 2: error: model.student has 7' in done.stdout
    assert json.loads((out / 'ours/seed_0/summary.json').read_text())['student_steps'] == 4
    assert list((out / 'jobs').glob('*_result.pkl'))
    again = run_tool('benchmark.py', *command, timeout=600)
    assert '2 of 2 runs have ended before' in again.stdout


def test_every_budget_is_checked_before_the_first_run(tmp_path, monkeypatch, capsys):
    spec, out = write_spec(tmp_path, 'minutes=3', FACTORIAL), tmp_path / 'out'
    stored = out / '3_minutes/none/config.py'  # of the second budget
    stored.parent.mkdir(parents=True)
    stored.write_text("model = dict(type='Other')\n")
    monkeypatch.setattr(Trainer, 'train', lambda *_: pytest.fail('a run has started'))
    with pytest.raises(SystemExit) as stop:
        call_tool('benchmark.py', spec, '--work-dir', out, '--threads', 1)
    assert stop.value.code == 2
    assert f"error: '{stored}' was written for the runs beside it" in capsys.readouterr().err
    assert not (out / '2_student_steps').exists()


@pytest.mark.parametrize(
    'arguments, message',
    [
        (
            ['--methods', 'ours,unifrom'],
            "--methods: there is no method 'unifrom'; did you mean",
        ),
        (['--report-only'], '--report-only: '),
        (['--jobs', '0'], '--jobs=0 must be at least 1'),
        (['--executor-options', 'gpus_per_node=1'], 'is for --executor submitit'),
    ],
)
def test_wrong_arguments_end_in_one_line(tmp_path, capsys, arguments, message):
    spec = write_spec(tmp_path, 'student_steps=19')
    with pytest.raises(SystemExit) as stop:
        call_tool('benchmark.py', spec, '--work-dir', tmp_path / 'out', *arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and message in error and error.count('\n') == 1
    assert not (tmp_path / 'out').exists()
