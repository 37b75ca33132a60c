"""The documentation builds, and all its links and references lead somewhere."""

import subprocess
import sys

import pytest
from helpers import ROOT, environment

pytest.importorskip('sphinx')


def test_site_builds_without_a_warning(tmp_path):
    built = subprocess.run(
        [sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', 'docs', str(tmp_path)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr[-2000:]
    components = (tmp_path / 'components.html').read_text()
    assert 'PrioritySampler' in components and 'example_sampler' not in components
    samplers = (tmp_path / 'api/samplers.html').read_text()
    assert 'beta_steps' in samplers, 'the page of an API has its docstrings'
