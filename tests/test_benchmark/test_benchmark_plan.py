"""The specification and the arithmetic of its budget."""

import copy
import json
import os
import re

import pytest
from helpers import DIGITS, ROOT
from mmengine.config import Config

from ssdkd.benchmark import PlanFile, locked, make_cells, method_config, read_spec, read_specs
from ssdkd.benchmark.cells import TimeLeft, mark_failed, why, write_config
from ssdkd.benchmark.plan import planned_config
from ssdkd.benchmark.spec import Method, Spec
from ssdkd.config.read import read_config
from ssdkd.errors import ConfigError

SHIPPED = sorted((ROOT / 'configs/benchmarks').glob('*.py'))


def config(**train_cfg) -> Config:
    """220 rounds, 20 of them warm-up, 400 student steps in each of the others."""
    train_cfg = dict(max_rounds=220, warmup_rounds=20, steps_per_round=400) | train_cfg
    return Config(
        dict(
            train_cfg=train_cfg,
            param_scheduler=dict(
                student=[
                    dict(type='LinearLR', by_epoch=False, begin=0, end=800),
                    dict(type='MultiStepLR', by_epoch=False, milestones=[40_000, 60_000]),
                ],
                generator=dict(type='MultiStepLR', milestones=[110, 165]),
            ),
        )
    )


def method(**values) -> Method:
    return Method('m', 'M', 'm.py', {}, (0,), **values)


def planned(cfg=None, steps=None, minutes=None, **values) -> Config:
    spec = Spec('s.py', {}, minutes=minutes, student_steps=steps)
    return planned_config(cfg or config(), spec, method(**values))


def test_rounds_for_steps():
    loop = planned(steps=4_000).train_cfg
    assert (loop.max_rounds, loop.warmup_rounds, loop.val_points) == (11, 1, 20)
    assert planned(steps=4_001).train_cfg.max_rounds == 12  # none gets less than the budget
    assert planned(steps=4_000, warmup_rounds=7).train_cfg.max_rounds == 17


def test_a_tenth_of_the_run_has_a_tenth_of_everything_that_counts_rounds():
    cfg = config()
    new = planned(cfg, steps=8_000)
    assert (new.train_cfg.max_rounds, new.train_cfg.warmup_rounds) == (22, 2)
    warm, steps = new.param_scheduler.student
    assert (warm.begin, warm.end) == (0, 80)
    assert steps.milestones == [4_000, 6_000]  # in student steps
    assert new.param_scheduler.generator.milestones == [11, 16]  # in rounds
    assert cfg.train_cfg.max_rounds == 220 and 'val_points' not in cfg.train_cfg


def test_minutes_are_those_of_the_clock():
    cfg = config()
    cfg.param_scheduler = dict(student=[dict(type='CosineAnnealingLR', by_epoch=False)])
    new = planned(cfg, minutes=3).train_cfg
    assert (new.minutes, new.val_points, new.warmup_rounds) == (3, 20, 20)
    with pytest.raises(
        ConfigError, match=r'methods.m: param_scheduler.student.0: LinearLR has'
    ):
        planned(minutes=3)


def test_without_a_budget_the_config_stays_as_it_is():
    assert planned().to_dict() == config().to_dict()


SPEC = """
methods = dict(a=dict(config={config!r}), b=dict(config={config!r}, label='B', seeds=[5]))
seeds = [0, 1]
budget = dict(minutes=3)
options = {{'model.batch_size': 32}}
"""


def spec(folder, **changes):
    """A specification with some of its values replaced."""
    path = folder / 'spec.py'
    path.write_text(SPEC.format(config=str(DIGITS)))
    return read_spec(path, {k.replace('__', '.'): v for k, v in changes.items()})


def test_reads_a_specification(tmp_path):
    read = spec(tmp_path, methods__b__options={'model.batch_size': 16}, ours='a')
    assert (read.minutes, read.student_steps, read.ours) == (3, None, 'a')
    a, b = read.methods.values()
    assert (a.label, a.seeds, a.options) == ('a', (0, 1), {'model.batch_size': 32})
    assert (b.label, b.seeds, b.options) == ('B', (5,), {'model.batch_size': 16})
    cells = make_cells(read, tmp_path)
    assert [c.name for c in cells] == ['a, seed 0', 'B, seed 5', 'a, seed 1']
    assert cells[1].folder == tmp_path / 'b/seed_5' and cells[1].state == 'not run'


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(ouers='a'), "ouers: unknown key 'ouers'; did you mean ours?"),
        (dict(ours='c'), "ours: there is no method 'c'"),
        (dict(reference='oracle'), "reference: there is no method 'oracle'; known are a, b"),
        (dict(budget=None), 'budget={} must hold one limit; give either'),
        (
            dict(budget__student_steps=5, budget__minutes=5),
            'must hold one limit; give either dict(minutes=30)',
        ),
        (dict(methods=3), 'methods: name at least one'),
        (dict(seeds__0=1, methods__a__x__y=2), '--cfg-options: '),
        (
            dict(methods__c__options__model__batch_size=2),
            "--cfg-options methods.c.options.model.batch_size: there is no 'c' in methods",
        ),
        (dict(options='x'), "options='x' must be a dict"),
        (dict(options=[1]), 'options=[1] must be a dict'),
        (dict(methods=[1], seeds=[0]), 'methods: name at least one'),
        (dict(budget__hours=1), "budget.hours: unknown key 'hours'"),
        (dict(budget__minutes=0), "budget.minutes='0' must be a number above 0"),
        (dict(seeds=[1, 1]), 'seeds=[1, 1] must be a list of different ints'),
        (dict(methods__a__seeds=[]), 'methods.a.seeds=[] must be'),
        (dict(methods__a__sedes=[1]), "methods.a.sedes: unknown key 'sedes'"),
        (dict(methods__a=dict(label='A', _delete_=True)), 'methods.a.config is missing'),
        (dict(methods__a__method='fast2'), 'methods.a.config is missing'),
        (dict(methods__a__pair='digits_resnet20_resnet8'), "or a=dict(pair='...', method="),
        (dict(methods__a__x=0.1), "there is no x='label of the axis'"),
        (dict(methods__a__warmup_rounds=-1), 'methods.a.warmup_rounds=-1 must be'),
        (dict(methods__a__warmup_rounds=3), "options={'train_cfg.warmup_share': 0.1}"),
        (dict(methods__a__scale_rounds=['x']), "a.scale_rounds: unknown key 'scale_rounds'"),
        ({'methods__a b': dict(config='c.py')}, "methods.a b: 'a b' becomes a folder"),
    ],
)
def test_wrong_specification(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        spec(tmp_path, **changes)


def test_missing_specification(tmp_path):
    with pytest.raises(ConfigError, match="'ssdkd list configs' names the shipped ones"):
        read_spec(tmp_path / 'none.py')


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(config='no.py'), "methods.a: there is no config 'no.py'"),
        (dict(options={'model.writer.type': 'Crowd'}), 'methods.a: model.writer.type: unknown'),
        (dict(), "methods.a: model.teacher.checkpoint: there is no file 'work_dirs/no.pth'"),
        (dict(options=dict(val_dataloader=None)), 'methods.a: val_dataloader is None'),
    ],
)
def test_wrong_method(tmp_path, changes, message):
    checkpoint = {'model.teacher.checkpoint': 'work_dirs/no.pth'}
    if changes:
        (tmp_path / 'teacher.pth').touch()
        checkpoint = {'model.teacher.checkpoint': str(tmp_path / 'teacher.pth')}
    given = dict(config=str(DIGITS)) | changes
    given['options'] = checkpoint | given.get('options', {})
    with pytest.raises(ConfigError, match=re.escape(message)):
        method_config(spec(tmp_path, methods__a=given).methods['a'])


def test_a_method_composes_a_config_for_a_pair(tmp_path):
    (tmp_path / 'teacher.pth').touch()
    options = {'model.teacher.checkpoint': str(tmp_path / 'teacher.pth')}
    given = dict(_delete_=True, pair='digits_resnet20_resnet8', method='fast2', options=options)
    chosen = spec(tmp_path, methods__a=given).methods['a']
    cfg = method_config(chosen)
    assert (cfg.model.synthesizer.type, cfg.train_cfg.max_rounds) == ('MetaSynthesizer', 70)
    write_config(cfg, tmp_path / 'a/config.py')
    cfg = method_config(spec(tmp_path, methods__a=given | dict(budget='cpu')).methods['a'])
    assert cfg.train_cfg.max_rounds == 200


def test_options_replace_a_component_and_leave_the_specification_alone(tmp_path):
    (tmp_path / 'teacher.pth').touch()
    options = {
        'model.teacher.checkpoint': str(tmp_path / 'teacher.pth'),
        'model.sampler': dict(type='UniformSampler', _delete_=True),
    }
    chosen = spec(tmp_path, methods__a__options=options).methods['a']
    for _ in range(2):
        cfg = method_config(chosen)
        assert cfg.model.sampler == dict(type='UniformSampler') and cfg.model.batch_size == 32
        write_config(cfg, tmp_path / 'a/config.py')
    assert Config.fromfile(tmp_path / 'a/config.py').to_dict() == cfg.to_dict()
    cfg.model.batch_size = 33
    with pytest.raises(
        ConfigError, match=r'have changed \(model.batch_size: 32 -> 33\); choose'
    ):
        write_config(cfg, tmp_path / 'a/config.py')


def test_a_folder_from_before_a_hook_was_added_goes_on(tmp_path):
    """What bears on no result may differ, such as hooks of another version."""
    cfg = Config.fromfile(DIGITS)
    before = copy.deepcopy(cfg)
    before.custom_hooks = [h for h in cfg.custom_hooks if h.type != 'EstimateHook']
    assert len(before.custom_hooks) < len(cfg.custom_hooks)
    for each in (before, cfg):
        write_config(each, tmp_path / 'config.py')
    assert Config.fromfile(tmp_path / 'config.py').custom_hooks == cfg.custom_hooks


def test_a_plan_is_kept_and_binds_later_calls(tmp_path):
    plans = PlanFile({'minutes': 3}, 1, 2, 'python x', {'CPU': 'c'})
    plans.write(tmp_path)
    assert PlanFile.read(tmp_path) == plans
    before = json.loads((tmp_path / 'plan.json').read_text())
    before['methods'] = dict(a=dict(max_rounds=180))  # in a folder of before the clock
    (tmp_path / 'plan.json').write_text(json.dumps(before))
    assert PlanFile.read(tmp_path) == plans
    plans.check(spec(tmp_path), 1, 2, tmp_path)
    for jobs, threads, key in ((2, 2, '--jobs'), (1, 1, '--threads')):
        with pytest.raises(ConfigError, match=f'{key}: .* choose another --work-dir'):
            plans.check(spec(tmp_path), jobs, threads, tmp_path)
    with pytest.raises(ConfigError, match="budget: .* with {'minutes': 3}"):
        plans.check(spec(tmp_path, budget__minutes=4), 1, 2, tmp_path)


def test_states_of_a_cell(tmp_path):
    cell = make_cells(spec(tmp_path), tmp_path)[0]
    cell.folder.mkdir(parents=True)
    (cell.folder / 'summary.json').write_text('{"student_acc')  # killed while it was written
    assert cell.state == 'not run'
    (cell.folder / 'summary.json').write_text('{"student_accuracy": 1.0}')
    assert cell.state == 'finished'
    (cell.folder / 'output.txt').write_text('Traceback\n\nerror: no luck\n')
    mark_failed(cell.folder, why(2, cell.folder / 'output.txt'))
    assert cell.state == 'failed' and cell.summary is None
    assert cell.failure == 'exit status 2\nTraceback\nerror: no luck\n'
    assert why(-9, cell.folder / 'output.txt').startswith('ended by SIGKILL (out of memory?)')


def test_a_work_directory_has_one_user(tmp_path):
    with locked(tmp_path) as descriptor:
        with pytest.raises(ConfigError, match='is in use by another benchmark'):
            with locked(tmp_path):
                pass
        left = os.dup(descriptor)  # what a run inherits
    with pytest.raises(ConfigError, match='or by a run that a killed one has left'):
        with locked(tmp_path):
            pass
    os.close(left)
    with locked(tmp_path):
        pass


def test_time_left(monkeypatch):
    now = 1000.0
    monkeypatch.setattr('time.monotonic', lambda: now)
    left = TimeLeft(3, jobs=1, minutes=2.0)
    assert left.after(0) == 6.0
    now += 180  # what should have taken 2 minutes took 3
    assert left.after(1) == pytest.approx(6.0)
    assert TimeLeft(2, jobs=2, minutes=None).after(0) is None


@pytest.mark.parametrize(
    'budget, folders',
    [
        ([dict(minutes=10, seeds=[5]), dict(minutes=0.5)], {'10_minutes', '0.5_minutes'}),
        ([dict(student_steps=40), dict(minutes=1)], {'40_student_steps', '1_minutes'}),
    ],
)
def test_several_budgets_have_a_folder_each(tmp_path, budget, folders):
    (tmp_path / 'spec.py').write_text(SPEC.format(config=str(DIGITS)) + f'budget = {budget}\n')
    specs = read_specs(tmp_path / 'spec.py')
    assert specs.keys() == folders
    if '10_minutes' in folders:
        ten, half = specs['10_minutes'], specs['0.5_minutes']
        assert (ten.minutes, half.minutes) == (10, 0.5)
        assert ten.methods['a'].seeds == (5,) and half.methods['a'].seeds == (0, 1)
    with pytest.raises(ConfigError, match='has 2 budgets; give one'):
        read_spec(tmp_path / 'spec.py')


@pytest.mark.parametrize(
    'budget',
    ['dict(student_steps=9)', "'config'", '[dict(minutes=1, seeds=[2]), dict(minutes=3)]'],
)
def test_a_budget_and_seeds_of_the_command_line_are_for_all(tmp_path, budget):
    (tmp_path / 'spec.py').write_text(SPEC.format(config=str(DIGITS)) + f'budget = {budget}\n')
    read = read_spec(tmp_path / 'spec.py', {'budget.minutes': 2, 'seeds': [7]})
    assert (read.minutes, read.student_steps) == (2, None)
    assert [m.seeds for m in read.methods.values()] == [(7,), (7,)]
    specs = read_specs(tmp_path / 'spec.py', {'seeds': [7]})
    assert {m.seeds for read in specs.values() for m in read.methods.values()} == {(7,)}
    one = {'seeds': [7], 'methods.b.seeds': [8]}
    assert read_spec(tmp_path / 'spec.py', one | {'budget.minutes': 2}).methods['b'].seeds == (
        8,
    )


def test_options_of_runs_stay_beside_those_that_are_there(tmp_path):
    """A dotted name is one key: as a nested dict it would replace all below its first part."""
    text = f"""
base = dict(config={str(DIGITS)!r}, options={{'model.modulation.gamma': 2.0}}, seeds=[1, 2])
switches = dict(off={{'model.modulate': False}})
methods = dict(a=dict(config={str(DIGITS)!r}, options={{'model.batch_size': 8}}))
additions = dict(more=dict(a={{'model.normalize': False}}))
add = ['more']
budget = [dict(minutes=1, seeds=[3]), dict(minutes=2)]
"""
    (tmp_path / 'spec.py').write_text(text)
    read = read_spec(
        tmp_path / 'spec.py',
        {
            'budget': dict(student_steps=5),
            'base.options.model.batch_size': 4,
            'switches.off.model.synthesizer.steps': 7,
            'methods.a.options.model.batch_size': 6,
            'additions.more.a.model.autocast': None,
            'options.model.channels_last': False,
        },
    )
    given = {'model.channels_last': False}
    base = given | {'model.modulation.gamma': 2.0, 'model.batch_size': 4}
    assert read.methods['none'].options == base
    off = {'model.modulate': False, 'model.synthesizer.steps': 7}
    assert read.methods['off'].options == base | off
    a = given | {'model.batch_size': 6}
    assert read.methods['a'].options == a
    more = {'model.normalize': False, 'model.autocast': None}
    assert read.methods['a+more'].options == a | more
    assert read.student_steps == 5
    # Of the budgets' own seeds those of the first stay, and a base has its own.
    assert read.methods['a'].seeds == (3,) and read.methods['off'].seeds == (1, 2)
    read = read_spec(tmp_path / 'spec.py', {'budget': 'config', 'seeds': [9]})
    assert {m.seeds for m in read.methods.values()} == {(9,)}


@pytest.mark.parametrize('key', ['plan', 'minutes'])
def test_a_budget_does_not_go_with_one_of_the_config(key):
    cfg = config()
    cfg.train_cfg[key] = 3
    with pytest.raises(ConfigError, match=f'methods.m: train_cfg.{key}=3 does not go with'):
        planned(cfg, steps=100)
    assert planned(cfg).train_cfg[key] == 3


def test_a_part_of_one_of_several_budgets(tmp_path):
    budget = '[dict(minutes=1), dict(minutes=3)]'
    (tmp_path / 'spec.py').write_text(SPEC.format(config=str(DIGITS)) + f'budget = {budget}\n')
    specs = read_specs(tmp_path / 'spec.py', {'budget.0.minutes': 2})
    assert specs.keys() == {'2_minutes', '3_minutes'}


@pytest.mark.parametrize(
    'budget, message',
    [
        ([], 'budget=[] must hold at least one'),
        ([3], 'budget.0=3 must be such as dict(minutes=10, seeds=[0])'),
        ([dict(seeds=[1])], "budget.0={'seeds': [1]} must be such as"),
        ([dict(minutes=1), dict(minutes=1)], "has its folder '1_minutes', too"),
    ],
)
def test_wrong_budgets(tmp_path, budget, message):
    (tmp_path / 'spec.py').write_text(SPEC.format(config=str(DIGITS)) + f'budget = {budget}\n')
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_specs(tmp_path / 'spec.py')


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.stem)
def test_shipped_benchmarks(path, monkeypatch):
    """Their methods exist, under the names that the files promise, with every addition."""
    monkeypatch.chdir(ROOT)
    raw = Config.fromfile(path).get('additions') or {}
    for read in read_specs(path, dict(add=list(raw))).values():
        for chosen in read.methods.values():
            cfg = read_config(chosen.config, chosen.options, chosen.method, chosen.budget)
            assert cfg.model.buffer.capacity >= cfg.model.batch_size
            assert planned_config(cfg, read, chosen).train_cfg.type == 'DistillLoop'


def test_a_project_is_a_method_in_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = read_config('digits_resnet20_resnet8', method='projects/nayer/nayer.py')
    assert cfg.model.synthesizer.type == 'NAYERSynthesizer'
