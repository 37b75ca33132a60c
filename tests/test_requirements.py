"""The version ranges in requirements/, and the two sets that are pinned within them."""

from pathlib import Path

import pytest
from helpers import ROOT
from packaging.requirements import Requirement
from packaging.version import Version

PINNED = ('constraints', 'oldest')
DECLARED = [p for p in sorted((ROOT / 'requirements').glob('*.txt')) if p.stem not in PINNED]


def read(path: Path) -> list[Requirement]:
    lines = path.read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith('#')]


def pins(name: str) -> dict[str, Version]:
    """Package to the one version that a file of pins names."""
    found = {}
    for requirement in read(ROOT / f'requirements/{name}.txt'):
        (pin,) = requirement.specifier
        assert pin.operator == '==', requirement
        assert requirement.name not in found, requirement
        found[requirement.name] = Version(pin.version)
    return found


def floor(requirement: Requirement) -> Version:
    (lowest,) = (s for s in requirement.specifier if s.operator == '>=')
    return Version(lowest.version)


@pytest.mark.parametrize('path', DECLARED, ids=lambda path: path.stem)
def test_the_oldest_set_is_that_of_the_declared_floors(path):
    oldest = pins('oldest')
    for requirement in read(path):
        assert oldest[requirement.name] == floor(requirement), requirement


@pytest.mark.parametrize('name', PINNED)
def test_pins_lie_within_the_declared_ranges(name):
    declared = [requirement for path in DECLARED for requirement in read(path)]
    versions = pins(name)
    assert versions.keys() <= {requirement.name for requirement in declared}
    for requirement in declared:
        version = versions.get(requirement.name)
        assert version is None or version in requirement.specifier, (requirement, version)


def test_project_addresses_are_of_this_project():
    """None is invented: an address goes in when something answers there."""
    tomllib = pytest.importorskip('tomllib')
    urls = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['urls']
    readme = (ROOT / 'README.md').read_text()
    assert all(f'({url})' in readme for url in urls.values())
