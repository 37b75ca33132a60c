"""The config that a run writes makes the same run again."""

from pathlib import Path

import torch
from helpers import NO_VAL, build_runner, tiny_config
from mmengine.config import Config


def test_a_written_config_makes_the_same_student(tmp_path):
    more = {  # sums of two terms of the same logits do not depend on their order
        'model.distillation.l1': dict(type='L1LogitLoss'),
        'model.synthesizer.losses.pseudo_label': dict(type='PseudoLabelLoss'),
        'model.synthesizer.losses.balance': dict(type='InformationEntropyLoss'),
    }
    cfg = tiny_config(tmp_path, NO_VAL | more)
    cfg.model.distillation.another = cfg.model.distillation.pop('kl')  # after l1
    first = build_runner(cfg)
    first.train()
    (path,) = Path(cfg.work_dir).glob('*.py')
    written = Config.fromfile(path)
    for ours, theirs in zip(terms(cfg), terms(written)):
        assert sorted(ours) == theirs != ours
    written.work_dir = str(tmp_path / 'again')
    again = build_runner(written)
    again.train()
    weights, other = first.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(weights[key], other[key]) for key in weights)


def terms(cfg: Config) -> list[list[str]]:
    return [list(cfg.model.synthesizer.losses), list(cfg.model.distillation)]
