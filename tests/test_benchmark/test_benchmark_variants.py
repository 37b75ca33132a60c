"""Methods that a specification names by their changes of one base."""

import itertools
import re

import numpy as np
import pytest

from ssdkd.benchmark import make_spec
from ssdkd.benchmark.variants import variant_methods
from ssdkd.errors import ConfigError

SWITCHES = dict(a={'x.a': 1}, b={'x.b': 1}, c={'x.c': 1})
METHODS = dict(n=dict(config='n.py'))


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


def test_a_fraction_of_resolution_four(tmp_path):
    """2^(6-2): no product of two or three different columns of levels is another column."""
    names = 'abcdef'
    read = spec(
        tmp_path,
        switches={name: {f'x.{name}': 1} for name in names},
        fraction=dict(e=['a', 'b', 'c'], f=['b', 'c', 'd']),
    )
    levels = np.array([[1 if on[n] else -1 for n in names] for on in read.levels.values()])
    assert len(read.methods) == len(np.unique(levels, axis=0)) == 16
    assert not levels.sum(axis=0).any()
    assert (levels.T @ levels == 16 * np.eye(6)).all()
    for one, other in itertools.combinations(range(6), 2):
        assert not (levels.T @ (levels[:, one] * levels[:, other])).any()
    for name, on in read.levels.items():
        assert {key[-1] for key in read.methods[name].options} == {n for n in names if on[n]}
    assert {'none', 'a_+_b_+_c_+_d_+_e_+_f'} <= set(read.levels)


def test_additions_are_copies_of_methods(tmp_path):
    methods = dict(
        m=dict(config='m.py', label='M', seeds=[3], options={'x': 1}), n=dict(config='n.py')
    )
    additions = dict(few=dict(m={'x': 2, 'y': 2}), more_of_it=dict(m={'z': 3}, n={'z': 3}))
    values = dict(base=None, methods=methods, additions=additions, options={'all': 0})
    assert list(spec(tmp_path, **values).methods) == ['m', 'n']
    read = spec(tmp_path, **values, add=['few', 'more_of_it']).methods
    assert list(read) == ['m', 'n', 'm+few', 'm+more_of_it', 'n+more_of_it']
    few = read['m+few']
    assert (few.label, few.config, few.seeds) == ('M + few', 'm.py', (3,))
    assert few.options == {'all': 0, 'x': 2, 'y': 2}
    assert read['n+more_of_it'].label == 'n + more of it'
    assert read['m'].options == {'all': 0, 'x': 1}


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
        (dict(switches=SWITCHES, fraction=dict(d=['a'])), "fraction.d: 'd' is no switch"),
        (dict(switches=SWITCHES, fraction=dict(c=['c'])), "fraction.c: 'c' is no switch, or"),
        (dict(base=None, methods=METHODS, add=['few']), "add: there is no 'few' in additions"),
        (
            dict(base=None, methods=METHODS, additions=dict(few=dict(m={}))),
            "additions.few.m: there is no method 'm'",
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
