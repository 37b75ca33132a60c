"""A run that diverges stops with one clear line, and what it has saved is sound."""

import re

import pytest
import torch
from bad_input import arguments, error_of

from ssdkd.models.checkpoint import read_checkpoint


def test_loss_that_is_not_a_number(folder, capfd, monkeypatch):
    """It stops in the same round, names the term and keeps the last good checkpoint."""
    from ssdkd.losses import ClassPriorLoss

    forward, calls = ClassPriorLoss.forward, []

    def spoilt(self, state):
        calls.append(0)
        # Two steps per round: from the third round on.
        return forward(self, state) * (float('nan') if len(calls) > 4 else 1.0)

    monkeypatch.setattr(ClassPriorLoss, 'forward', spoilt)
    message = error_of(capfd, *arguments(folder, {}))
    assert "round 3: 'inversion_class_prior' is nan" in message
    good = re.search(r'Last good checkpoint: (\S*round_2\.pth)', message)[1]
    state = read_checkpoint(good)['state_dict']
    assert all(v.isfinite().all() for v in state.values())
    assert not (folder / 'run/student.pth').exists()


def broken(value) -> bool:
    """Whether a number that is not finite is anywhere in what a checkpoint holds."""
    if isinstance(value, torch.Tensor):
        return not value.isfinite().all()
    parts = value.values() if isinstance(value, dict) else value
    return isinstance(value, dict | list | tuple) and any(map(broken, parts))


# At 1e12 and 1e9 the statistics of batch norms overflow first, while all weights are finite.
@pytest.mark.parametrize(
    'role, lr', [('student', 1e30), ('student', 1e12), ('generator', 1e30), ('generator', 1e9)]
)
def test_learning_rate_that_explodes(folder, capfd, role, lr):
    options = {f'optim_wrapper.{role}.optimizer.lr': lr, 'train_cfg.max_rounds': 6}
    message = error_of(capfd, *arguments(folder, options))
    assert re.search('training stopped in round [1-6]', message)
    assert re.search(rf'Lower optim_wrapper.({role}|\*).optimizer.lr', message)
    for path in (folder / 'run').glob('*_*.pth'):
        content = read_checkpoint(path)
        for part in ('state_dict', 'optimizer', 'distillation'):
            assert not broken(content[part]), (path, part)
