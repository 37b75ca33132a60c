"""Every shipped config is parsed, run for two rounds, and asked whether its terms live."""

import copy
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from helpers import NO_VAL, build_distiller, build_runner
from mmengine.config import Config
from small_configs import BASELINES, CLS, CONFIGS, PEERS, SEG, small, small_baseline, small_peer

# Those that train a segmentor run in test_tools/test_segmentation_commands.py.
TEACHERS = [
    path
    for path in sorted((CONFIGS / 'teachers').glob('*.py'))
    if Config.fromfile(path).model.type == 'Classifier'
]
SHIPPED = sorted(p for p in CONFIGS.rglob('*.py'))


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize('path', BASELINES, ids=name)
def test_baseline_trains(path, tmp_path):
    build_runner(small_baseline(path, tmp_path)).train()
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    assert summary['student_steps'] == 2 and 'student_mIoU' in summary


@pytest.mark.parametrize('path', PEERS, ids=name)
def test_peer_trains(path, tmp_path):
    build_runner(small_peer(path, tmp_path)).train()
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    assert summary['rounds'] == 2 and summary['student_steps'] == 4
    assert (tmp_path / 'run/student.pth').is_file()


@pytest.mark.parametrize('path', PEERS, ids=name)
def test_peer_has_the_networks_of_its_pair(path):
    """configs/baselines/{method}/{data}_{teacher}_{student}_{method}.py, with a README."""
    assert path.stem.endswith(f'_{path.parent.name}')
    assert (path.parent / 'README.md').is_file()
    pair = path.stem.removesuffix(f'_{path.parent.name}')
    cfg, ours = Config.fromfile(path), Config.fromfile(CONFIGS / 'cls' / f'{pair}_ssdkd.py')
    for role in ('teacher', 'student'):
        assert cfg.model[role] == ours.model[role]
    assert cfg.val_dataloader == ours.val_dataloader
    assert not cfg.model.modulate  # phi is of SSD-KD alone
    for part in (cfg.model.balancing.diversity, cfg.model.balancing.difficulty):
        assert part is False


def test_there_are_configs():
    assert len(CLS) >= 12 and len(TEACHERS) >= 7 and len(PEERS) == 11 * 12
    assert len(SEG) >= 3 or not find_spec('mmseg')


@pytest.mark.parametrize('path', SHIPPED, ids=lambda p: str(p.relative_to(CONFIGS)))
def test_parses(path):
    cfg = Config.fromfile(path)
    assert path.read_text().startswith('"""'), 'says in its first line what it is for'
    assert len(cfg)


@pytest.mark.parametrize('path', CLS, ids=name)
def test_file_name(path):
    """{data}_{teacher}_{student}_{method}, in agreement with what is inside."""
    data, teacher, student, method = path.stem.split('_')
    assert re.fullmatch('[a-z0-9]+', data) and re.fullmatch('[a-z0-9]+', method)
    cfg = Config.fromfile(path)
    assert (method, cfg.model.type) == ('ssdkd', 'ReplayDistiller')
    for word, role in ((teacher, 'teacher'), (student, 'student')):
        model = cfg.model[role].model
        described = ' '.join(str(v) for v in model.values()).lower()
        number = re.search(r'\d+', word)
        assert number is None or number.group() in described, (word, described)


@pytest.mark.parametrize('path', CLS, ids=name)
def test_two_rounds(path, tmp_path):
    cfg = small(path, tmp_path)
    runner = build_runner(cfg)
    runner.train()
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    assert summary['rounds'] == 2 and summary['student_steps'] == 2
    assert summary['buffer_samples'] == cfg.model.batch_size
    assert (tmp_path / 'run/student.pth').is_file()


class OneTerm:
    """An optimizer that only computes gradients."""

    def __getitem__(self, role):
        return self

    def update_params(self, loss):
        loss.backward()


def dead_terms(distiller) -> list[str]:
    """Names of the enabled loss terms that, alone, give the generator no gradient."""
    synthesizer, losses = distiller.synthesizer, distiller.synthesizer.losses
    # Random networks may agree on no image at all, which the decision mask would silence.
    distiller.task.agreement = lambda student, teacher: torch.ones(len(student))
    distiller.train()
    dead = []
    for term in losses:
        others = copy.copy(losses)
        others._modules = {k: v for k, v in losses.items() if k == term}
        synthesizer.losses = others
        synthesizer.zero_grad()
        distiller.synthesize(OneTerm())
        # The linear layer stands first: what reaches it has passed the whole generator.
        gradient = synthesizer.generator.linear.weight.grad
        if losses[term].weight and (gradient is None or not gradient.abs().sum() > 1e-12):
            dead.append(term)
    synthesizer.losses = losses
    return dead


@pytest.mark.parametrize('path', CLS + SEG, ids=name)
def test_every_loss_term_reaches_the_generator(path, tmp_path):
    distiller = build_distiller(small(path, tmp_path).copy())
    assert len(distiller.synthesizer.losses) >= 2
    assert distiller.student is not distiller.teacher
    assert not dead_terms(distiller)


NEW_TERMS = dict(
    activation=dict(type='ActivationLoss'),
    pseudo_label=dict(type='PseudoLabelLoss'),
    entropy=dict(type='InformationEntropyLoss'),
    l1=dict(type='AdversarialL1Loss'),
    competition=dict(type='JSCompetitionLoss'),
)


@pytest.mark.parametrize('path', CLS[:1] + SEG[:1], ids=name)
def test_terms_of_other_methods_reach_the_generator(path, tmp_path):
    cfg = small(path, tmp_path)
    cfg.model.synthesizer.losses = NEW_TERMS
    distiller = build_distiller(cfg)
    assert not dead_terms(distiller)
    # The check is not blind to them: with nothing to compete about, two terms are dead.
    distiller.student = distiller.teacher
    assert set(dead_terms(distiller)) == {'l1', 'competition'}


def test_check_sees_the_student_standing_in_for_the_teacher(distiller):
    distiller.student = distiller.teacher
    assert dead_terms(distiller) == ['adversarial']


def test_check_sees_a_detached_teacher(distiller):
    forward = distiller.teacher.forward
    distiller.teacher.forward = lambda images: forward(images.detach().requires_grad_())
    assert set(dead_terms(distiller)) >= {'bn', 'class_prior'}


@pytest.mark.parametrize('path', TEACHERS, ids=name)
def test_teacher_trains(path, tmp_path):
    """Two steps of each teacher config, on digits in place of its data."""
    cfg = Config.fromfile(path)
    classes = cfg.model.network.model.num_classes
    cfg.train_dataloader = dict(
        dataset=dict(type='Digits', split='train', image_size=16),
        sampler=dict(type='DefaultSampler', shuffle=True),
        collate_fn=dict(type='default_collate'),
        batch_size=4,
        num_workers=0,
    )
    cfg.merge_from_dict(NO_VAL)
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2)
    cfg.default_hooks.checkpoint.by_epoch = False
    cfg.default_hooks.checkpoint.interval = 2
    cfg.log_processor.by_epoch = False
    cfg.work_dir = str(tmp_path)
    runner = build_runner(cfg)
    runner.train()
    exported = torch.load(tmp_path / 'teacher.pth')
    assert exported.keys() == runner.model.network.model.state_dict().keys()
    assert any(v.shape == (classes,) for v in exported.values())
