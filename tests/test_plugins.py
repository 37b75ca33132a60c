"""How plugins are found, and what becomes of the broken ones."""

import re
import subprocess
import sys
from argparse import Namespace
from importlib.metadata import EntryPoint

import pytest
from helpers import DIGITS, environment, unregistered

from ssdkd import plugins
from ssdkd.apis import load_config
from ssdkd.errors import ConfigError
from ssdkd.losses import ModulatingFunction
from ssdkd.registry import ALL_REGISTRIES, MODULATIONS, SAMPLERS

HEAD = 'from ssdkd.registry import MODULATIONS, SAMPLERS\n'
GOOD = (
    HEAD
    + """
assert SAMPLERS.get('UniformSampler'), 'looked up while plugins are loaded'

@SAMPLERS.register_module()
class {name}:
    pass
"""
)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """``installed(one='code of a module', ...)`` loads these as the plugins of a process."""

    def load(**codes):
        points = []
        for name, code in codes.items():
            if code is not None:
                (tmp_path / f'plugin_{name}.py').write_text(code)
            points.append(EntryPoint(name, f'plugin_{name}', plugins.GROUP))
        monkeypatch.setattr(plugins, 'entry_points', lambda group: points)
        SAMPLERS.import_from_location()
        return {plugin.name: plugin for plugin in plugins.load_plugins(ALL_REGISTRIES)}

    with unregistered():
        sys.path.insert(0, str(tmp_path))
        monkeypatch.setattr(plugins, '_found', None)
        yield load


@pytest.fixture
def warnings(monkeypatch):
    said = []
    monkeypatch.setattr(plugins, 'print_log', lambda text, *args: said.append(text))
    return said


def test_found_at_the_first_look_into_a_registry(installed):
    found = installed(one=GOOD.format(name='PluginSampler'))
    assert found['one'].error is None
    component = SAMPLERS.get('PluginSampler')
    assert plugins.origin(component) == 'an unknown package'
    assert not plugins.is_ours(component)
    assert plugins.origin(SAMPLERS.get('UniformSampler')) == ''


@pytest.mark.parametrize(
    'code, error',
    [
        (None, "ModuleNotFoundError: No module named 'plugin_bad'"),
        ('import no_such_module', 'ModuleNotFoundError'),
        ('class:', 'SyntaxError'),
        ('raise RuntimeError("two\\nlines")', 'RuntimeError: two lines'),
        ('import sys; sys.exit(3)', 'SystemExit: 3'),
        (
            HEAD + '@MODULATIONS.register_module()\nclass ModulatingFunction: pass',
            'KeyError: .*ModulatingFunction is already registered',
        ),
    ],
)
def test_broken_ones_are_named_and_skipped(installed, warnings, code, error):
    found = installed(bad=code, good=GOOD.format(name='PluginSampler'))
    assert SAMPLERS.get('PluginSampler')
    assert MODULATIONS.get('ModulatingFunction') is ModulatingFunction
    (output,) = warnings
    assert "plugin 'bad' (plugin_bad, of an unknown package) is skipped: " in output
    assert re.search(error, output) and re.search(error, found['bad'].error)


def test_what_a_broken_one_had_registered_is_gone(installed):
    installed(bad=GOOD.format(name='HalfSampler') + '\nraise RuntimeError')
    assert SAMPLERS.get('HalfSampler') is None


def load(tmp_path, custom_imports):
    config = tmp_path / 'config.py'
    config.write_text(
        f"_base_ = '{DIGITS}'\ncustom_imports = {custom_imports!r}\n"
        "model = dict(sampler=dict(_delete_=True, type='MySampler'))\n"
    )
    return load_config(Namespace(config=config, cfg_options=None, work_dir=None))


@pytest.mark.parametrize('imports', ['my_sampler', ['my_sampler'], 'my_folder.my_sampler'])
def test_custom_imports_from_the_current_folder(installed, tmp_path, monkeypatch, imports):
    installed()
    folder = tmp_path / 'elsewhere'
    (folder / 'my_folder').mkdir(parents=True)
    path = f'{imports.replace(".", "/")}.py' if isinstance(imports, str) else 'my_sampler.py'
    (folder / path).write_text(GOOD.format(name='MySampler'))
    monkeypatch.chdir(folder)
    assert load(tmp_path, dict(imports=imports)).model.sampler.type == 'MySampler'


@pytest.mark.parametrize(
    'custom_imports, message',
    [
        (dict(imports='my_missing'), "'my_missing' cannot be imported: ModuleNotFoundError"),
        (dict(imports='my_missing.py'), "write 'my_missing'"),
        (dict(imports='my_broken'), "'my_broken' cannot be imported: ZeroDivisionError"),
        (dict(imports='my_uniform'), "KeyError: 'UniformSampler is already registered"),
        (dict(import_='my_sampler'), "must be dict(imports='my_module')"),
        (dict(imports='my_other'), "unknown type 'MySampler'"),
    ],
)
def test_wrong_custom_imports(installed, tmp_path, monkeypatch, custom_imports, message):
    installed()
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'my_broken.py').write_text('1 / 0')
    (tmp_path / 'my_other.py').write_text(GOOD.format(name='OtherSampler'))
    (tmp_path / 'my_uniform.py').write_text(GOOD.format(name='UniformSampler'))
    with pytest.raises(ConfigError) as error:
        load(tmp_path, custom_imports)
    assert message in str(error.value)


def test_failed_imports_may_be_allowed(installed, tmp_path, warnings):
    installed(good=GOOD.format(name='MySampler'))
    load(tmp_path, dict(imports='my_missing', allow_failed_imports=True))
    assert len(warnings) == 1 and "'my_missing' cannot be imported" in warnings[0]


def test_importing_the_package_loads_no_plugin():
    code = 'import sys, ssdkd; assert "ssdkd.plugins" not in sys.modules'
    subprocess.run([sys.executable, '-c', code], env=environment(), check=True)
