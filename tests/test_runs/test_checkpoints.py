"""Which checkpoint a run goes on from, and that damage to it never goes unnoticed."""

import io
import random

import pytest
import torch

from ssdkd.errors import ConfigError
from ssdkd.models.checkpoint import damage, read_checkpoint
from ssdkd.runs import check_unused, latest_checkpoint, newest_checkpoint, resume_point


def content() -> dict:
    torch.manual_seed(0)
    weights = {f'layer{i}.weight': torch.randn(20, 30) for i in range(8)}
    return {'state_dict': weights, 'meta': {'text': 'abc' * 99, 'rounds': [1, 2, 3]}}


def same(a: dict, b: dict) -> bool:
    return (
        isinstance(b, dict)
        and a.keys() == b.keys()
        and a['meta'] == b['meta']
        and a['state_dict'].keys() == b['state_dict'].keys()
        and all(torch.equal(v, b['state_dict'][k]) for k, v in a['state_dict'].items())
    )


def save(path, n: int = 4096) -> None:
    torch.save({'state_dict': {'weight': torch.arange(float(n))}}, path)


def rot(path) -> None:
    """Invert 4 KiB in the middle."""
    raw = bytearray(path.read_bytes())
    start = len(raw) // 2 - 2048
    raw[start : start + 4096] = bytes(b ^ 0xFF for b in raw[start : start + 4096])
    path.write_bytes(raw)


@pytest.mark.parametrize('width', [1, 64])
def test_no_inverted_bits_are_taken_for_weights(tmp_path, width):
    """Wherever the damage is: it is named, or what is read is what was saved."""
    whole, path = content(), tmp_path / 'round_1.pth'
    file = io.BytesIO()
    torch.save(whole, file)
    raw, draw = file.getvalue(), random.Random(width)
    assert len(raw) > 20_000
    silent = 0
    for attempt in range(300):
        # One third of them at the end, where the table of contents is.
        low = len(raw) - 2000 if attempt % 3 == 0 else 0
        start = draw.randrange(low, len(raw) - width)
        broken = bytearray(raw)
        for i in range(start, start + width):
            broken[i] ^= 1 << draw.randrange(8)
        path.write_bytes(broken)
        silent += same(whole, torch.load(path)) is False if loads(path) else 0
        try:
            assert same(whole, read_checkpoint(path)), start
        except ConfigError:
            pass
    assert silent > 20, 'torch itself would have noticed'


def loads(path) -> bool:
    try:
        torch.load(path)
        return True
    except Exception:
        return False


def test_an_intact_file_is_not_damaged(tmp_path):
    torch.save(content(), tmp_path / 'a.pth')
    assert damage(tmp_path / 'a.pth') is None
    assert same(content(), read_checkpoint(tmp_path / 'a.pth'))


def test_the_newest_intact_one_is_offered(tmp_path):
    for n in (2, 4, 10):
        save(tmp_path / f'round_{n}.pth')
    assert resume_point('auto', tmp_path) == tmp_path / 'round_10.pth'
    rot(tmp_path / 'round_10.pth')
    with pytest.raises(
        ConfigError, match=r"round_10\.pth' is damaged .*use --resume .*round_4"
    ):
        resume_point('auto', tmp_path)
    rot(tmp_path / 'round_4.pth')
    with pytest.raises(ConfigError, match=r'--resume .*round_2\.pth'):
        resume_point('auto', tmp_path)
    # What is offered is accepted, though damaged ones are newer.
    chosen = str(tmp_path / 'round_2.pth')
    assert str(resume_point(chosen, tmp_path)) == chosen
    rot(tmp_path / 'round_2.pth')
    with pytest.raises(ConfigError, match='another --work-dir for a new run'):
        resume_point('auto', tmp_path)


def test_an_older_one_beside_newer_ones(tmp_path):
    for n in (2, 4):
        save(tmp_path / f'round_{n}.pth')
    with pytest.raises(ConfigError, match=r"round_4\.pth' is newer than .*move it away"):
        resume_point(str(tmp_path / 'round_2.pth'), tmp_path)


def test_a_checkpoint_of_another_run(tmp_path):
    (tmp_path / 'other').mkdir()
    save(tmp_path / 'other/round_2.pth')
    asked = str(tmp_path / 'other/round_2.pth')
    assert str(resume_point(asked, tmp_path / 'new')) == asked
    save(tmp_path / 'round_4.pth')
    with pytest.raises(ConfigError, match='holds another run than'):
        resume_point(asked, tmp_path)


def test_names_that_are_no_checkpoints(tmp_path):
    for name in (
        'round_x.pth',
        'best_accuracy_round_9.pth',
        'student.pth',
        '.round_9.pth.7.tmp',
    ):
        save(tmp_path / name)
    assert latest_checkpoint(tmp_path) is None and resume_point('auto', tmp_path) is None
    check_unused(tmp_path, 'remove it')
    with pytest.raises(ConfigError, match='neither a checkpoint nor a work directory'):
        newest_checkpoint(tmp_path)
    save(tmp_path / 'epoch_3.pth')
    assert newest_checkpoint(tmp_path).name == 'epoch_3.pth'
    with pytest.raises(ConfigError, match='holds a run already; remove it'):
        check_unused(tmp_path, 'remove it')
