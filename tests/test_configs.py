"""Every shipped config is parsed, run for two rounds, and asked whether its terms live."""

import copy
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from helpers import NO_VAL, ROOT, build_distiller, build_runner, save_teacher
from mmengine.config import Config
from segmentation_runs import camvid_options

CONFIGS = ROOT / 'configs'
CLS = sorted((CONFIGS / 'cls').glob('*.py'))
SEG = sorted((CONFIGS / 'seg').glob('*.py')) if find_spec('mmseg') else []
BASELINES = sorted((CONFIGS / 'baselines').glob('*.py')) if find_spec('mmseg') else []
PEERS = sorted((CONFIGS / 'baselines').glob('*/*.py'))
# Those that train a segmentor run in test_tools/test_segmentation_commands.py.
TEACHERS = [
    path
    for path in sorted((CONFIGS / 'teachers').glob('*.py'))
    if Config.fromfile(path).model.type == 'Classifier'
]
SHIPPED = sorted(p for p in CONFIGS.rglob('*.py'))


def name(path: Path) -> str:
    return path.stem


def small(path: Path, folder: Path) -> Config:
    """The config with its own networks and losses, but small batches and few steps.

    The teacher's weights are random. Images shrink to 16 pixels, those of ImageNet and of
    segmentation to 64.
    """
    cfg = Config.fromfile(path)
    large = cfg.model.synthesizer.generator.type == 'DeepGenerator'
    batch, size = 4, 64 if large else 16
    cfg.merge_from_dict(
        {
            'model.synthesizer.batch_size': batch,
            'model.synthesizer.steps': 1,
            'model.synthesizer.generator.width': 8,
            'model.synthesizer.generator.latent_dim': 16,
            'model.synthesizer.generator.image_size': size,
            'model.buffer.capacity': 2 * batch,
            'model.batch_size': batch,
            'train_cfg.max_rounds': 2,
            'train_cfg.warmup_rounds': 1,
            'train_cfg.steps_per_round': 2,
        }
    )
    if path in SEG:  # a CPU takes three times as long in bfloat16
        cfg.model.autocast = None
    cfg.merge_from_dict(NO_VAL)
    cfg.default_hooks.checkpoint.interval = 2
    teacher = cfg.model.teacher
    for key in ('weights', 'pretrained'):  # nothing is downloaded in a test
        teacher.model.pop(key, None)
        cfg.model.student.model.pop(key, None)
    teacher.checkpoint = save_teacher(teacher.model, folder / 'teacher.pth', size)
    cfg.work_dir = str(folder / 'run')
    return cfg


@pytest.mark.parametrize('path', BASELINES, ids=name)
def test_baseline_trains(path, tmp_path):
    cfg = Config.fromfile(path)
    options = camvid_options(tmp_path)
    if cfg.model.synthesizer.type == 'NoiseSynthesizer':
        options = {k: v for k, v in options.items() if 'generator' not in k}
        options.pop('model.synthesizer.steps')
        options['model.synthesizer.image_size'] = 64
    cfg.merge_from_dict(options)
    cfg.work_dir = str(tmp_path / 'run')
    build_runner(cfg).train()
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    assert summary['student_steps'] == 2 and 'student_mIoU' in summary


def small_peer(path: Path, folder: Path) -> Config:
    """The config with its own networks, parts and losses, but two rounds of small batches."""
    cfg = Config.fromfile(path)
    batch, synthesizer = 4, cfg.model.synthesizer
    synthesizer.batch_size = batch
    for key, value in dict(steps=2, samples=2 * batch, image_size=16, reset_round=2).items():
        if key in synthesizer:
            synthesizer[key] = value
    if 'generator' in synthesizer:
        synthesizer.generator.update(width=8, latent_dim=16, image_size=16)
    if synthesizer.type == 'ContrastiveSynthesizer':
        synthesizer.bank_size = 16 * batch  # the full one is gigabytes to build and to save
    if 'dataset' in synthesizer:
        synthesizer.dataset = dict(type='Digits', split='train', image_size=16)
    cfg.model.batch_size = batch
    cfg.model.buffer.capacity = 3 * batch
    cfg.train_cfg.update(max_rounds=2, warmup_rounds=0, steps_per_round=2)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.merge_from_dict(NO_VAL)
    cfg.model.teacher.checkpoint = save_teacher(
        cfg.model.teacher.model, folder / 'teacher.pth', image_size=16
    )
    cfg.work_dir = str(folder / 'run')
    return cfg


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
    assert cfg.model.type.lower() == method
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
