"""Ctrl-C and SIGTERM: one line, status 130 or 143, no process and no lock left."""

import signal
import sys
import time
from pathlib import Path

import pytest
from ends import Job, tool
from helpers import DIGITS, ROOT, TINY, as_options

TEACHER = ROOT / 'configs/teachers/digits_resnet20.py'
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
# Both of them; SIGTERM, which takes the same path, is left to the slow tests.
NUMBERS = [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
# The workers of this data set are slow, and make the job's mark.
SLOW = """
custom_imports = dict(imports=['slow_set'])
loader = dict(num_workers=2, persistent_workers=False, dataset=dict(type='SlowDigits'))
val_dataloader = test_dataloader = loader
"""


def arguments(folder: Path, options: dict | None = None, text: str = '') -> list[str]:
    """Arguments of a command for the tiny digits config with ``text`` at its end."""
    (folder / 'user.py').write_text(f"_base_ = ['{DIGITS}']\n{text}")
    options = TINY | {'model.teacher.checkpoint': folder / 'teacher.pth'} | (options or {})
    where = ['--work-dir', folder / 'run', '--cfg-options']
    return [folder / 'user.py', *where, *as_options(options)]


def check_ended(job: Job, number: int, expected: str) -> None:
    status, lines = job.end(number)
    assert status == STATUS[number], lines[-20:]
    assert lines[-1].startswith(expected), lines[-20:]
    assert not [line for line in lines if 'Traceback' in line or 'Interrupted' in line], lines
    assert sum(line.startswith(('interrupted', 'ended by')) for line in lines) == 1
    assert not job.left()
    locks = [path.parent for path in job.folder.rglob('.lock')]
    # The file in a benchmark's folder stays; nobody holds it.
    assert not [folder for folder in locks if not (folder / 'plan.json').exists()]


@pytest.mark.parametrize('number', STATUS)
@pytest.mark.parametrize(
    'line', ['tools/train.py a', 'tools/export_student.py a b', '-m ssdkd plot-logs a']
)
def test_during_the_imports(tmp_path, line, number):
    with Job(sys.executable, *line.split(), folder=tmp_path) as job:
        maps = Path(f'/proc/{job.process.pid}/maps')
        job.wait_for(lambda: 'libtorch' in maps.read_text())
        said = 'interrupted' if number == signal.SIGINT else 'ended by SIGTERM'
        status, lines = job.end(number)
        assert (status, lines) == (STATUS[number], [said])
        assert not job.left()


@pytest.mark.parametrize('number', NUMBERS)
def test_during_training(folder, number):
    long = {'train_cfg.max_rounds': 100_000, 'train_cfg.val_interval': 100_000}
    with tool('train.py', *arguments(folder, long), folder=folder) as job:
        job.wait_for((folder / 'run/round_2.pth').exists)
        said = 'interrupted' if number == signal.SIGINT else 'ended by SIGTERM'
        check_ended(job, number, f'{said}; the same command with --resume continues from ')
        assert job.stderr.strip().endswith(".pth'")


@pytest.mark.slow
@pytest.mark.parametrize('number', NUMBERS)
def test_during_a_validation_with_workers(folder, number, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', f'{Path(__file__).parent}:{ROOT}')
    args = arguments(folder, {'train_cfg.val_interval': 1}, SLOW)
    with tool('train.py', *args, folder=folder) as job:
        job.wait_for(job.mark.exists)
        check_ended(job, number, 'interrupted' if number == signal.SIGINT else 'ended by')


def test_of_an_evaluation(folder, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', f'{Path(__file__).parent}:{ROOT}')
    config, *more = arguments(folder, {}, SLOW)
    with tool('test.py', config, '--teacher', *more, folder=folder) as job:
        job.wait_for(job.mark.exists)
        check_ended(job, signal.SIGINT, 'interrupted')


@pytest.mark.slow
def test_of_a_teachers_training(tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', f'{Path(__file__).parent}:{ROOT}')
    text = SLOW + 'train_dataloader = dict(num_workers=2, dataset=dict(type="SlowDigits"))\n'
    (tmp_path / 'user.py').write_text(f"_base_ = ['{TEACHER}']\n{text}")
    args = [tmp_path / 'user.py', '--work-dir', tmp_path / 'run']
    with tool('train_teacher.py', *args, folder=tmp_path) as job:
        job.wait_for(job.mark.exists)
        check_ended(job, signal.SIGINT, 'interrupted; there is no checkpoint yet')


# A command that tidies up slowly after the first signal, and has a child.
TIDY = """
import multiprocessing, os, time
from pathlib import Path
import ssdkd
from ssdkd.apis import command

def wait():
    while True:  # a signal just before a sleep does not shorten it
        time.sleep(0.1)

@command
def main():
    child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))
    child.start()
    mark = Path(os.environ['SSDKD_TEST_MARK'])
    try:
        mark.touch()
        wait()
    finally:
        mark.unlink()
        wait()

main()
"""


@pytest.mark.parametrize('number', NUMBERS)
def test_a_second_signal_ends_at_once(tmp_path, number):
    (tmp_path / 'tidy.py').write_text(TIDY)
    with Job(sys.executable, tmp_path / 'tidy.py', folder=tmp_path) as job:
        job.wait_for(job.mark.exists)
        job.process.send_signal(number)
        job.wait_for(lambda: not job.mark.exists())
        time.sleep(0.6)  # sooner, it would be taken for the same
        check_ended(job, number, 'interrupted' if number == signal.SIGINT else 'ended by')


def test_two_signals_together_are_one(folder):
    """As timeout(1) sends them."""
    long = {'train_cfg.max_rounds': 100_000, 'train_cfg.val_interval': 100_000}
    with tool('train.py', *arguments(folder, long), folder=folder) as job:
        job.wait_for((folder / 'run/round_2.pth').exists)
        job.process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
        check_ended(job, signal.SIGTERM, 'ended by SIGTERM; the same command with --resume')


# One that turns every exception into another.
HIDING = TIDY.replace('finally:', 'except BaseException as error:').replace(
    'wait()\n\nmain', "raise RuntimeError('engine failed') from error\n\nmain"
)


def test_a_signal_that_a_library_hides(tmp_path):
    (tmp_path / 'hiding.py').write_text(HIDING)
    with Job(sys.executable, tmp_path / 'hiding.py', folder=tmp_path) as job:
        job.wait_for(job.mark.exists)
        check_ended(job, signal.SIGINT, 'interrupted')


@pytest.mark.slow
@pytest.mark.parametrize('number', STATUS)
def test_of_an_ablation(folder, number):
    config, _, _, _, *options = arguments(folder, {'train_cfg.max_rounds': 100_000})
    out = folder / 'out'
    args = [config, '--out', out, '--seeds', '0', '1', '--jobs', '2', '--variants', 'full']
    job = tool('analysis_tools/ablation.py', *args, '--cfg-options', *options, folder=folder)
    with job:
        runs = [out / f'full/seed_{seed}' for seed in (0, 1)]
        job.wait_for(lambda: all((run / 'round_1.pth').exists() for run in runs))
        said = 'interrupted' if number == signal.SIGINT else 'ended by SIGTERM'
        check_ended(job, number, f'{said}; the same command continues')
        for run in runs:
            assert 'ended by SIGTERM; the same' in (run / 'output.txt').read_text()


@pytest.mark.slow
@pytest.mark.parametrize('number', STATUS)
def test_of_several_processes(folder, number, monkeypatch):
    config, *more = arguments(folder, {'train_cfg.max_rounds': 100_000})
    monkeypatch.setenv('PATH', f'{Path(sys.executable).parent}:/usr/bin:/bin')
    with Job('bash', 'tools/dist_train.sh', config, 2, *more, folder=folder) as job:
        job.wait_for((folder / 'run/round_2.pth').exists)
        status, lines = job.end(number)
        assert status, lines
        assert not job.left()
        assert not list(folder.rglob('.lock'))
        assert '--resume continues' in job.stderr


def test_the_hint_survives_a_library_that_hides_the_signal(tmp_path):
    (tmp_path / 'round_3.pth').touch()
    script = HIDING.replace(
        '    try:',
        f'    with resumable({str(tmp_path)!r}): run(mark)\n\ndef run(mark):\n    try:',
    )
    script = script.replace('import command', 'import command, resumable')
    (tmp_path / 'hiding.py').write_text(script)
    with Job(sys.executable, tmp_path / 'hiding.py', folder=tmp_path) as job:
        job.wait_for(job.mark.exists)
        check_ended(job, signal.SIGINT, 'interrupted; the same command with --resume continues')
