"""The table and the order of things with made-up runs, and the whole with real ones."""

import csv
import json
import shutil
import subprocess
import sys

import pytest
import torch
from helpers import DIGITS, ROOT, TINY, as_options, call_tool, environment, tiny_config
from mmengine.config import Config

from ssdkd.benchmark import Trainer
from ssdkd.commands import demo
from ssdkd.config.compose import compose

TOOLS = ROOT / 'tools/analysis_tools'
OFF = {'model.modulation.diversity': False, 'model.modulation.difficulty': False}


@pytest.fixture
def made_up(monkeypatch, tmp_path):
    """Replaces training: seed 1 of 'no phi' fails, all others leave a result -> run(*args)."""
    trained = []

    def train(trainer, config, folder, seed):
        variant = config.parent.name.replace('_', ' ')
        name = f'{variant}, seed {seed}'
        trained.append(name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'output.txt').write_text('Traceback\nerror: no luck\n')
        if name == 'no phi, seed 1':
            return 2
        counts = [10.0, 20.0] if variant == 'full' else [10.0, 40.0]
        buffer = dict(
            size=2,
            class_counts=torch.tensor(counts),
            columns=dict(
                confidence=torch.tensor([0.2, 0.8]), birth=torch.zeros(2, dtype=torch.int64)
            ),
        )
        state = dict(distiller=dict(buffer=buffer))
        torch.save(dict(distillation=[state]), folder / 'round_2.pth')
        summary = dict(
            teacher_accuracy=99.0, student_accuracy=90.0 + seed, student_parameters=1,
            teacher_parameters=1, rounds=2, student_steps=4, buffer_samples=50,
            inversion_seconds=60.0, distillation_seconds=30.0)  # fmt: skip
        (folder / 'summary.json').write_text(json.dumps(summary))
        return 0

    monkeypatch.setattr(Trainer, 'train', train)
    monkeypatch.chdir(tmp_path)
    demo.TEACHER.parent.mkdir(parents=True)
    demo.TEACHER.touch()
    out = tmp_path / 'out'

    def run(*args, config=DIGITS):
        trained.clear()
        line = [config, '--out', out, '--seeds', 0, 1, *args]
        call_tool('analysis_tools/ablation.py', *line)

    run.out, run.trained = out, trained
    return run


def test_a_variant_differs_from_the_config_in_its_part_alone(made_up):
    made_up('--variants', 'full', 'no diversity', 'no difficulty', 'uniform sampling')
    base = Config.fromfile(DIGITS).model
    models = {p.parent.name: Config.fromfile(p).model for p in made_up.out.glob('*/*.py')}
    assert models['full'] == base
    assert models['no_diversity'].modulation == dict(base.modulation, diversity=False)
    assert models['no_difficulty'].modulation == dict(base.modulation, difficulty=False)
    assert models['uniform_sampling'].sampler == dict(type='UniformSampler')
    for name, model in models.items():
        rest = {'modulation', 'sampler'}
        same = {k: v for k, v in model.items() if k not in rest}
        assert same == {k: v for k, v in base.items() if k not in rest}, name


def test_goes_on_after_a_failure_and_says_so(made_up, capsys):
    with pytest.raises(SystemExit) as stop:
        made_up('--variants', 'full', 'no phi', '--jobs', '2')
    assert stop.value.code == 1
    assert len(made_up.trained) == 4
    output = capsys.readouterr()
    assert 'no phi, seed 1: FAILED: exit status 2: error: no luck' in output.out
    assert '[4/4]' in output.out and 'min left' in output.out
    assert '1 of 4 runs failed: no phi, seed 1' in output.err

    rows = list(csv.reader(open(made_up.out / 'ablation.csv')))
    assert rows[1] == ['full', '90.50 ± 0.71', '[84.15, 96.85]', '90.00 91.00', '2.00', '1.5']
    assert rows[2] == ['no phi', '90.00', '-', '90.00 failed', '4.00', '1.5']
    assert (made_up.out / 'ablation.md').read_text() in output.out
    assert (made_up.out / 'balance.png').is_file()


def test_a_second_call_trains_only_what_is_missing(made_up):
    with pytest.raises(SystemExit):
        made_up('--variants', 'full', 'no phi')
    (made_up.out / 'full/seed_0/summary.json').unlink()
    with pytest.raises(SystemExit):
        made_up('--variants', 'full', 'no phi')
    assert made_up.trained == ['full, seed 0', 'no phi, seed 1']


def test_other_settings_need_another_folder(made_up, capsys):
    made_up('--variants', 'full')
    with pytest.raises(SystemExit) as stop:
        made_up('--variants', 'full', '--cfg-options', 'model.distillation.kl.temperature=2')
    assert stop.value.code == 2
    assert 'choose another folder' in capsys.readouterr().err


def test_an_old_folder_goes_on(made_up):
    """Folders had setting.json and seed_*, and no plan."""
    made_up('--variants', 'full', '--seeds', 1)
    out = made_up.out
    shutil.copytree(out / 'full/seed_1', out / 'full/seed_0')
    setting = dict(config=str(DIGITS), cfg_options=[])
    (out / 'setting.json').write_text(json.dumps(setting))
    for path in (out / 'plan.json', out / 'full/config.py'):
        path.unlink()
    made_up('--variants', 'full', '--jobs', 2)
    assert made_up.trained == []


def test_a_failed_start_binds_no_folder(made_up, capsys):
    with pytest.raises(SystemExit):
        made_up('--cfg-options', 'model.teacher.checkpoint=none.pth')
    assert "there is no file 'none.pth'" in capsys.readouterr().err
    made_up('--variants', 'full')
    assert len(made_up.trained) == 2


def test_of_a_pair_with_a_method_of_its_own(made_up, capsys):
    more = ('--method', 'fast2', '--variants', 'full', 'no phi', 'uniform sampling')
    with pytest.raises(SystemExit):  # the seed that fails
        made_up(*more, config='digits_resnet20_resnet8')
    assert "'no phi' is the same as 'full' with this config" in capsys.readouterr().out
    cfg = Config.fromfile(made_up.out / 'full/config.py')
    assert cfg.to_dict() == compose('digits_resnet20_resnet8', 'fast2').to_dict()
    with pytest.raises(SystemExit):
        made_up('--method', 'fast5', config='digits_resnet20_resnet8')
    assert 'choose another folder' in capsys.readouterr().err


def test_without_a_val_set_the_balance_is_measured(made_up, monkeypatch):
    trained = Trainer.train

    def train(*args):
        status = trained(*args)
        path = args[2] / 'summary.json'
        summary = json.loads(path.read_text())
        del summary['teacher_accuracy'], summary['student_accuracy']
        path.write_text(json.dumps(summary))
        return status

    monkeypatch.setattr(Trainer, 'train', train)
    options = [f'{split}_{part}=None' for split in ('val', 'test')
               for part in ('dataloader', 'cfg', 'evaluator')]  # fmt: skip
    made_up('--variants', 'full', '--cfg-options', *options)
    rows = list(csv.reader(open(made_up.out / 'ablation.csv')))
    assert rows[1][1:] == ['-', '-', 'finished finished', '2.00', '1.5']


SPEC = f"""
base = dict(config={str(DIGITS)!r})
variants = {{'full': {{}}, 'no phi': {OFF}}}
seeds = [0, 1]
budget = 'config'
"""


def test_is_a_benchmark_that_a_file_can_hold(made_up, tmp_path):
    with pytest.raises(SystemExit):
        made_up('--variants', 'full', 'no phi')
    (tmp_path / 'spec.py').write_text(SPEC)
    with pytest.raises(SystemExit):
        call_tool('benchmark.py', tmp_path / 'spec.py', '--work-dir', tmp_path / 'other')
    for name in ('ablation.csv', 'full/config.py', 'no_phi/config.py'):
        assert (made_up.out / name).read_text() == (tmp_path / 'other' / name).read_text()


@pytest.mark.slow
def test_real_runs(tmp_path):
    """Two rounds of every variant, then the figure and the report of one of them."""
    tiny_config(tmp_path)  # writes the teacher
    options = TINY | {'train_cfg.max_rounds': 2,
                      'model.teacher.checkpoint': tmp_path / 'teacher.pth'}  # fmt: skip
    out = tmp_path / 'out'

    def call(script, *args):
        command = [sys.executable, TOOLS / script, *args]
        return subprocess.run(
            [str(a) for a in command], env=environment(), cwd=tmp_path,
            capture_output=True, text=True)  # fmt: skip

    command = ('ablation.py', DIGITS, '--out', out, '--seeds', 0, '--jobs', 2,
               '--cfg-options', *as_options(options))  # fmt: skip
    result = call(*command)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = (out / 'ablation.md').read_text().splitlines()
    assert len(lines) == 2 + 6 and 'failed' not in ''.join(lines)
    assert (out / 'balance.png').is_file()
    again = call(*command)
    assert '6 of 6 runs have ended before' in again.stdout

    run = out / 'full/seed_0'
    figure = call('plot_balance.py', run, '--labels', 'x', '--out', tmp_path / 'one.png')
    assert figure.returncode == 0 and figure.stdout.startswith('x: 16 samples')
    report = call('make_report.py', run)
    assert report.returncode == 0, report.stderr
    assert (run / 'report.html').is_file() and 'distilled' in report.stdout


@pytest.mark.parametrize(
    'command, message',
    [
        (('plot_balance.py', 'nowhere'), "'nowhere' is neither a checkpoint"),
        (('plot_balance.py', 'a', 'b', '--labels', 'one'), '--labels names 1 runs'),
        (('make_report.py', 'nowhere'), "no work directory 'nowhere'"),
    ],
)
def test_wrong_arguments_end_in_one_line(tmp_path, monkeypatch, capsys, command, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        call_tool(f'analysis_tools/{command[0]}', *command[1:])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith('error: ') and message in said
    assert len(said.strip().splitlines()) == 1
