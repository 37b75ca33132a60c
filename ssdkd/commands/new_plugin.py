"""Create a plugin: component, config, test and README in a folder of projects/."""

import argparse
import re
from pathlib import Path

from ssdkd.errors import ConfigError

BASE = 'ssdkd::cls/digits_resnet20_resnet8_ssdkd.py'
TEMPLATES = Path(__file__).with_name('plugin_templates')

# Kind -> what the config changes, and the line that checks the contract.
KINDS = {
    'sampler': ("sampler=dict(_delete_=True, type='{name}')", 'check_sampler({name})'),
    'writer': ("writer=dict(_delete_=True, type='{name}')", 'check_writer({name})'),
    'buffer': (
        "buffer=dict(_delete_=True, type='{name}', capacity=1000)",
        'check_buffer({name})',
    ),
    'generator': (
        "synthesizer=dict(generator=dict(type='{name}'))",
        'check_generator({name}, latent_dim=8, image_size=8, width=4)',
    ),
    'loss': (
        "synthesizer=dict(losses=dict(plugin=dict(type='{name}', weight=0.1)))",
        'check_loss({name})',
    ),
    'distillation': (
        "distillation=dict(kl=None, plugin=dict(type='{name}'))",
        'check_loss({name})',
    ),
    'modulation': (
        "modulation=dict(_delete_=True, type='{name}')",
        'check_modulation({name})',
    ),
    'task': ("task=dict(type='{name}')", 'check_task({name})'),
    'synthesizer': (
        "synthesizer=dict(_delete_=True, type='{name}')",
        'check_synthesizer({name}, image_size=8, samples=4)',
    ),
}

CONFIG = """\
_base_ = '{base}'
custom_imports = dict(imports='{module}')
model = dict({change})
work_dir = 'work_dirs/{stem}'
"""

TEST = """\
from {module} import {name}
from ssdkd.testing import {check}


def test_contract():
    {call}
"""

README = """\
# {name}

Say here what it does, and where it comes from.

```bash
ssdkd train {folder}/config.py
python -m pytest {folder}
```
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('kind', choices=sorted(KINDS), help='kind of component')
    parser.add_argument('name', help='name of the class, such as MySampler')


def check_name(name: str) -> None:
    if not re.fullmatch('[A-Z][A-Za-z0-9]*', name):
        raise ConfigError(f"name '{name}' must be that of a class, such as MySampler")
    from ssdkd.plugins import load_plugins
    from ssdkd.registry import ALL_REGISTRIES

    load_plugins(ALL_REGISTRIES)
    for registry in ALL_REGISTRIES:
        if name in registry.names():
            raise ConfigError(f"name '{name}' is taken by a {registry.name}; choose another")


def files(kind: str, name: str, folder: Path) -> dict[str, str]:
    """File name -> its text."""
    change, call = KINDS[kind]
    values = dict(
        name=name,
        folder=folder.as_posix(),
        stem=folder.name,
        module=f'{".".join(folder.parts)}.{kind}',
        base=BASE,
        change=change.format(name=name),
        call=call.format(name=name),
        check=call.split('(')[0],
    )
    template = TEMPLATES / f'{kind}.py'
    return {
        f'{kind}.py': template.read_text().replace('PluginName', name),
        'config.py': CONFIG.format(**values),
        f'test_{folder.name}.py': TEST.format(**values),
        'README.md': README.format(**values),
    }


def run(args: argparse.Namespace) -> None:
    check_name(args.name)
    snake = re.sub('(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', args.name).lower()
    folder = Path('projects', snake)
    if folder.exists():
        raise ConfigError(f"'{folder}' exists already; choose another name, or remove it")
    folder.mkdir(parents=True)
    for file, text in files(args.kind, args.name, folder).items():
        (folder / file).write_text(text)
        print(folder / file)
    print(f'\npython -m pytest {folder}\nssdkd train {folder}/config.py')
