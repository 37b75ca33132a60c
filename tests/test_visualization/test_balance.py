import numpy as np
import pytest
import torch
from PIL import Image

from ssdkd.errors import ConfigError
from ssdkd.runs import newest_checkpoint
from ssdkd.visualization import plot_balance, read_balance


def test_reads_the_newest_round_by_number(work_dir):
    assert newest_checkpoint(work_dir).name == 'round_10.pth'
    balance = read_balance(work_dir)
    assert balance.label == 'some_run'
    assert balance.class_counts.tolist() == [10, 20, 30]
    assert balance.ratio == 3
    assert 'smallest class 10, largest class 30, ratio 3.00' in balance.describe()
    np.testing.assert_allclose(balance.confidence, np.linspace(0, 1, 60), atol=1e-6)


def test_reads_the_checkpoint_it_is_given(work_dir):
    assert read_balance(work_dir / 'round_5.pth', 'early').ratio == 1


def test_several_processes_share_the_counts_but_not_the_samples(tmp_path):
    counts = torch.tensor([2.0, 4.0])
    birth = torch.zeros(2, dtype=torch.int64)
    columns = [
        dict(confidence=torch.full((2,), value), birth=birth) for value in (0.1, 0.7, 0.7)
    ]
    states = [
        dict(distiller=dict(buffer=dict(size=2, class_counts=counts, columns=part)))
        for part in columns
    ]
    torch.save(dict(distillation=states), tmp_path / 'round_1.pth')
    balance = read_balance(tmp_path)
    assert balance.ratio == 2
    assert len(balance.confidence) == 6
    assert balance.confidence.mean() == pytest.approx(0.5)


def test_an_empty_class_is_named(work_dir):
    balance = read_balance(work_dir)
    balance.class_counts[0] = 0
    assert 'ratio inf (1 empty class), mean' in balance.describe()
    plot_balance([balance], work_dir / 'empty_class.png')


def test_draws_a_row_for_each_run(work_dir, tmp_path):
    one, two = tmp_path / 'one.png', tmp_path / 'new/two.png'
    plot_balance([read_balance(work_dir)], one)
    plot_balance([read_balance(work_dir), read_balance(work_dir / 'round_5.pth')], two)
    assert Image.open(two).height > 1.5 * Image.open(one).height


@pytest.mark.parametrize('content', [b'garbage', None, {'state_dict': {}}])
def test_refuses_what_is_no_distillation(tmp_path, content):
    path = tmp_path / 'round_1.pth'
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(ConfigError, match='round_1' if content else 'neither a checkpoint'):
        read_balance(tmp_path)


def test_says_that_a_warm_up_checkpoint_is_empty(tmp_path):
    state = dict(distiller=dict(buffer=dict(size=0, columns={})))
    torch.save(dict(distillation=[state]), tmp_path / 'round_1.pth')
    with pytest.raises(ConfigError, match='warm-up'):
        read_balance(tmp_path)
