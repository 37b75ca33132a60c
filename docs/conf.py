"""Sphinx: `make docs` writes the site to docs/_build/html."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import ssdkd  # noqa: E402, F401  (first: it prepares the imports that follow)
from ssdkd.registry import ALL_REGISTRIES  # noqa: E402

project = 'ssdkd'
copyright = 'the authors of ssdkd'
extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.mathjax',
    'sphinx.ext.napoleon',
    'sphinx_copybutton',
]
html_theme = 'furo'
html_title = 'ssdkd'
exclude_patterns = ['_build']

myst_enable_extensions = ['dollarmath']
myst_heading_anchors = 3
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'  # the Args sections say more
autodoc_default_options = {'members': True, 'show-inheritance': True}
napoleon_use_ivar = True  # fields of dataclasses are described once


def write_components() -> None:
    """components_table.md, from the registries: what they hold is what a config may name."""
    lines = []
    for registry in ALL_REGISTRIES:
        names = registry.names()
        ours = [n for n in names if registry.module_dict[n].__module__.startswith('ssdkd.')]
        if not ours:
            continue
        lines += [f'## {registry.name}', '', '| `type` | |', '|---|---|']
        for name in ours:
            component = registry.module_dict[name]
            doc = (component.__doc__ or '').strip().splitlines()
            lines.append(f'| `{name}` | {doc[0].replace("``", "`") if doc else ""} |')
        lines.append('')
    target = HERE / '_build' / 'components_table.md'
    target.parent.mkdir(exist_ok=True)
    target.write_text('\n'.join(lines))


write_components()


def setup(app) -> None:
    # Links of the README to files beside it, which stands one folder above this one.
    def up(app, path, docname, content):
        for name in ('CITATION.cff', 'LICENSE'):
            content[0] = content[0].replace(f']({name})', f'](../{name})')

    app.connect('include-read', up)
