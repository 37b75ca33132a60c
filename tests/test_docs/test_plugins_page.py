"""docs/plugins.md does what it says: all its blocks, in order, as a reader would."""

import re

import pytest
from blocks import Desk, blocks
from helpers import ROOT

from ssdkd import testing
from ssdkd.models.checkpoint import read_checkpoint

pytestmark = pytest.mark.slow
PAGE = ROOT / 'docs/plugins.md'
BROKEN = "plugin 'bad' (broken_module, of broken 0.1)"


@pytest.fixture(scope='module')
def desk(tmp_path_factory):
    """The desk after all blocks, and the output of each."""
    desk = Desk(tmp_path_factory.mktemp('desk'))
    desk.output = {}
    desk.write('site/broken-0.1.dist-info/METADATA', 'Name: broken\nVersion: 0.1\n')
    desk.write(
        'site/broken-0.1.dist-info/entry_points.txt', '[ssdkd.plugins]\nbad = broken_module\n'
    )
    for file, language, code in blocks(PAGE):
        if file:
            desk.write(file, code)
        elif language == 'bash':
            desk.output[code.splitlines()[-1]] = desk.bash(code)
        else:
            assert language == 'python', f'a block of {language} that nobody runs'
            desk.output['python'] = desk.run('python', '-c', code)
    return desk


@pytest.mark.parametrize('run', ['my_config', 'flatness_loss', 'hardest_config'])
def test_each_way_trains(desk, run):
    assert (desk.folder / f'work_dirs/{run}/student.pth').is_file()


def test_the_checks_of_the_page_pass(desk):
    assert '1 passed' in desk.output['python -m pytest test_my_sampler.py']


def test_the_message_on_the_page_is_the_real_one(desk):
    message = re.search(r'print\(error\)  # (.*)', PAGE.read_text())[1]
    assert desk.output['python'].strip() == message


def test_the_package_is_found_by_its_entry_point(desk):
    output = desk.output['ssdkd train hardest_config.py']
    assert 'HardestSampler' in output  # the config in the log
    listed = desk.run('ssdkd', 'list', 'components')
    assert re.search(r'HardestSampler .*\[ssdkd-hardest 1.0\]', listed)
    assert "plugin 'hardest' (ssdkd_hardest, of ssdkd-hardest 1.0) loaded" in listed


def test_every_check_is_on_the_page():
    for name in testing.__all__:
        assert f'`{name}' in PAGE.read_text(), name


def test_the_sampler_of_the_package_was_used(desk):
    """Two steps with the hardest 5 of 16 samples each: no more than 10 of them were seen."""
    checkpoint = read_checkpoint(desk.folder / 'work_dirs/hardest_config/round_2.pth')
    (state,) = checkpoint['distillation']  # of one process
    uses = state['distiller']['buffer']['columns']['uses']
    assert uses.sum() == 32 and (uses > 0).sum() <= 10


def test_a_broken_plugin_is_named_and_nothing_worse(desk):
    output = desk.output['ssdkd train hardest_config.py']
    assert f'{BROKEN} is skipped: ModuleNotFoundError' in output
    listed = desk.run('ssdkd', 'list', 'components')
    assert f'{BROKEN} skipped: ModuleNotFoundError' in listed
