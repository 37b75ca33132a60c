"""Methods that a specification names by their changes of one base."""

import copy
import re

import pytest
from helpers import DIGITS
from mmengine.config import Config

from ssdkd.benchmark import make_spec
from ssdkd.benchmark.plan import plan_without_trial
from ssdkd.benchmark.variants import variant_methods
from ssdkd.errors import ConfigError

SWITCHES = dict(a={'x.a': 1}, b={'x.b': 1}, c={'x.c': 1})


def spec(tmp_path, **values):
    raw = dict(base=dict(config='c.py'), budget='config') | values
    return make_spec({k: v for k, v in raw.items() if v is not None}, tmp_path / 'spec.py')


def test_a_variant_is_the_base_with_changes(tmp_path):
    base = dict(pair='p', method='m', options={'a': 1, 'b': 1}, warmup_rounds=2)
    read = spec(tmp_path, base=base, variants={'full': {}, 'no a, no c': dict(a=0, c=0)},
                options=dict(c=1, d=1), balance=['full'])  # fmt: skip
    full, changed = read.methods.values()
    assert (full.label, full.config, full.method, full.warmup_rounds) == ('full', 'p', 'm', 2)
    assert full.options == dict(a=1, b=1, c=1, d=1)
    assert (changed.name, changed.label) == ('no_a_no_c', 'no a, no c')
    assert changed.options == dict(a=0, b=1, c=0, d=1)
    assert read.variants == ('full', 'no_a_no_c') and read.budget == 'config'


def test_other_methods_stand_beside_them(tmp_path):
    read = spec(tmp_path, methods=dict(other=dict(config='o.py')), variants={'full': {}})
    assert list(read.methods) == ['other', 'full'] and read.variants == ('full',)


def test_switches_make_every_combination(tmp_path):
    read = spec(tmp_path, switches=SWITCHES)
    assert len(read.methods) == 2**3
    for method in read.methods.values():  # the label says which are on
        on = set() if method.label == 'none' else set(method.label.split(' + '))
        assert {key[-1] for key in method.options} == on
    assert len({frozenset(m.options) for m in read.methods.values()}) == 8
    read = spec(tmp_path, switches=SWITCHES, combinations=[[], ['a', 'c']])
    assert [m.label for m in read.methods.values()] == ['none', 'a + c']


@pytest.mark.parametrize(
    'values, message',
    [
        (dict(), 'base: it needs variants or switches beside it'),
        (dict(base=None, variants={'full': {}}), 'base is missing; write base=dict(config='),
        (dict(variants=['full']), "variants=['full'] must be a dict of name to changes"),
        (dict(variants=dict(full='a=1')), 'must be a dict of name to changes'),
        (dict(variants={'a b': {}, 'a_b': {}}), "variants.a_b: another variant has its folder"),
        (dict(variants={'full': {}}, balance=['ful']), "no method 'ful'; did you mean full"),
        (dict(variants={'m': {}}, methods=dict(m=dict(config='c'))), "methods.m: there is a"),
        (dict(switches=SWITCHES, combinations=[['d']]), "there is no 'd' in switches"),
        (dict(combinations=[['a']]), "combinations: there is no 'a' in switches"),
        (
            dict(switches=SWITCHES | dict(d={'x.a.deep': 2})),
            "switches.d: 'x.a.deep' and 'x.a' of another switch set the same",
        ),
        (dict(variants={'full': {}}, budget='configs'), "budget='configs' is unknown; give"),
    ],
)  # fmt: skip
def test_wrong_variants(tmp_path, values, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        spec(tmp_path, **values)


def test_switches_that_meet_may_stand_apart():
    switches = dict(a={'x': 1}, b={'x.y': 2})
    raw = dict(base=dict(config='c.py'), switches=switches, combinations=[['a'], ['b']])
    assert [m['options'] for m in variant_methods(raw).values()] == list(switches.values())


def test_the_rounds_of_the_config_are_the_plan(tmp_path):
    cfg = Config.fromfile(DIGITS)
    before = copy.deepcopy(cfg)
    read = spec(tmp_path, variants={'full': {}})
    plan = plan_without_trial(read, cfg, read.methods['full'])
    loop = cfg.train_cfg
    assert (plan.max_rounds, plan.warmup_rounds, plan.val_interval) == (
        loop.max_rounds, loop.warmup_rounds, loop.val_interval)  # fmt: skip
    assert plan.student_steps == (70 - 3) * 10 and cfg.to_dict() == before.to_dict()
