"""Every shipped config is checked, every method trains, and every loss term must live."""

import copy
import json
import re
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from helpers import NO_VAL, ROOT, build_distiller, build_runner
from mmengine.config import Config
from small_configs import (
    CLS,
    COMPOSED,
    CONFIGS,
    CONTROLS,
    DIGITS_PAIR,
    LARGE,
    PEERS,
    SEG,
    SMALL,
    small,
    small_control,
    small_peer,
)

from ssdkd.apis import load_config
from ssdkd.config.compose import compose
from ssdkd.config.names import is_pair, parts
from ssdkd.config.read import read_config
from ssdkd.errors import ConfigError

# Those that train a segmentor run in test_tools/test_segmentation_commands.py.
TEACHERS = [
    path
    for path in sorted(
        [
            *(CONFIGS / 'teachers').glob('*.py'),
            *(ROOT / 'projects/teachers_without_bn').glob('teacher_*.py'),
        ]
    )
    if Config.fromfile(path).model.type == 'Classifier'
] + [
    'cifar100_resnet34_resnet18',
    'cifar100_vgg11_resnet18',
    'cifar100_wrn40-2_wrn16-1',
    'cifar10_resnet34_resnet18',
    'cifar10_vgg11_resnet18',
    'cifar10_wrn40-2_wrn16-1',
]
SHIPPED = sorted(p for p in CONFIGS.rglob('*.py'))
SLOW = pytest.mark.slow


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize(
    'control', [pytest.param(c, marks=[SLOW] * (c == 'noise')) for c in CONTROLS]
)
def test_control_trains(control, tmp_path):
    build_runner(small_control(control, tmp_path)).train()
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    assert summary['student_steps'] == 2 and 'student_mIoU' in summary


# One training per method; the other pairs differ in networks alone.
CELLS = [
    pytest.param(pair, method, marks=() if pair == DIGITS_PAIR else SLOW)
    for pair, method in COMPOSED
    if method != 'ssdkd'
]


@pytest.mark.parametrize(('pair', 'method'), CELLS)
def test_peer_trains(pair, method, tmp_path):
    build_runner(small_peer(method, tmp_path, pair)).train()
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    assert summary['rounds'] == 2 and summary['student_steps'] == 4
    assert (tmp_path / 'run/student.pth').is_file()


# The pairs of CIFAR-100 have the networks of CIFAR-10's.
@pytest.mark.parametrize(
    'pair', [pytest.param(p, marks=[SLOW] * p.startswith('cifar100_wrn')) for p in SMALL]
)
def test_every_method_goes_with_the_pair(pair, tmp_path):
    """All settings are checked; methods that name layers are built for each kind of network."""
    ours = Config.fromfile(CONFIGS / 'cls' / f'{pair}_ssdkd.py')
    for method in PEERS:
        cfg = load_config(Namespace(config=pair, method=method, cfg_options=None))
        assert cfg.work_dir == f'work_dirs/{pair}_{method}'
        for role in ('teacher', 'student'):
            assert cfg.model[role] == ours.model[role]
        assert cfg.val_dataloader == ours.val_dataloader
        if method in ('ssdkd_paper', 'ssdkd_without_bn'):  # SSD-KD, with phi
            continue
        assert not cfg.model.modulate  # phi is of SSD-KD alone
        for part in (cfg.model.modulation.diversity, cfg.model.modulation.difficulty):
            assert part is False
    if not pair.startswith('cifar100_'):  # the networks of CIFAR-10
        for method in ('cmi', 'zskt'):
            build_distiller(small_peer(method, tmp_path, pair))


@pytest.mark.parametrize('budget', parts('schedules'))
@pytest.mark.parametrize('method', parts('methods'))
def test_every_method_goes_with_the_budget(method, budget):
    for pair in ('cifar100_vgg11_resnet18', DIGITS_PAIR):
        args = Namespace(config=pair, method=method, budget=budget, cfg_options=None)
        model = load_config(args).model
        batches = dict(cpu=128, minutes=64)
        if method == 'ssdkd':  # of the student; its peers have them with the gains for all
            batches = dict(cpu=64, minutes=32)
        assert model.batch_size == batches.get(budget, METHOD_BATCH[method])


METHOD_BATCH = dict.fromkeys(parts('methods'), 256)
METHOD_BATCH |= dict.fromkeys(('cmi', 'zskt', 'ssdkd_without_bn'), 128)


@pytest.mark.parametrize('pair', [*SMALL, *LARGE])
def test_ssdkd_has_a_file_of_its_own_that_says_the_same(pair):
    """What is in configs/cls are not other settings than those that are composed."""
    folder, name = ('seg', pair) if 'deeplab' in pair else ('cls', f'{pair}_ssdkd')
    ours = read_config(f'{folder}/{name}').to_dict()
    load_config(Namespace(config=f'{folder}/{name}', cfg_options=None))  # it is checked
    composed = compose(pair).to_dict()
    names = Config.fromfile(parts('pairs')[pair]).keys() - composed.keys()
    assert {key: value for key, value in ours.items() if key not in names} == composed


def student_steps(cfg: Config) -> int:
    loop = cfg.train_cfg
    return (loop.max_rounds - loop.warmup_rounds) * loop.steps_per_round


@pytest.mark.parametrize('budget', ['published', pytest.param('cpu', marks=SLOW)])
@pytest.mark.parametrize('pair', LARGE)
def test_other_methods_for_other_images(pair, budget):
    """Each is checked, and trains the same student as long and as fast as SSD-KD does."""
    names = Config.fromfile(parts('pairs')[pair])
    ours = compose(pair, 'ssdkd', budget)
    methods = compose_names(names.kind)
    assert {'fast2', 'dfq', 'noise'} <= set(methods)
    for method in methods:
        cfg = load_config(
            Namespace(config=pair, method=method, budget=budget, cfg_options=None)
        )
        for key in ('teacher', 'student', 'task', 'batch_size', 'autocast', 'channels_last'):
            assert cfg.model[key] == ours.model[key], (method, key)
        for key in ('reuse', 'augment'):
            assert cfg.model.get(key) == ours.model.get(key)
        parts_with_size = [cfg.model.synthesizer, cfg.model.synthesizer.get('generator', {})]
        sizes = [part['image_size'] for part in parts_with_size if 'image_size' in part]
        assert set(sizes) <= {names.image_size}
        loop = cfg.train_cfg
        assert 0 <= student_steps(cfg) - student_steps(ours) < loop.steps_per_round
        assert cfg.optim_wrapper.student == ours.optim_wrapper.student
        assert cfg.default_hooks.checkpoint.save_best == ours.default_hooks.checkpoint.save_best
        if cfg.model.buffer.type == 'FreshBuffer':  # a batch for each student step of a round
            assert cfg.model.buffer.capacity == loop.steps_per_round * cfg.model.batch_size


def compose_names(kind: str) -> list[str]:
    return Config.fromfile(CONFIGS / f'_base_/methods/ssdkd_{kind}.py').goes_with.methods


@pytest.mark.slow
@pytest.mark.parametrize('method', ['fast2', 'dfq', 'deepinversion', 'dafl', 'dfad', 'noise'])
@pytest.mark.parametrize('pair', [p for p in LARGE if p.startswith(('camvid', 'imagenet_eff'))])
def test_peer_trains_on_other_images(pair, method, tmp_path):
    build_runner(small_peer(method, tmp_path, pair)).train()
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    assert summary['rounds'] == 2 and summary['student_steps'] == 4


@pytest.mark.parametrize(
    'pair, method, budget, message',
    [
        (
            'imagenet_resnet50_resnet18',
            'zskt',
            None,
            "--method: 'zskt' does not go with '.*: ssdkd, fast2",
        ),
        ('imagenet_resnet50_resnet18', 'teacher', None, "--method: 'teacher' does not go with"),
        (
            'camvid_deeplab',
            'cmi',
            None,
            "'cmi' does not go with 'camvid_deeplab', a pair for seg; ",
        ),
        ('camvid_deeplab', 'ssdkd', 'minutes', "--budget: 'minutes' .* do: published, cpu$"),
        ('voc_deeplab', 'oracle_real', None, "--method: 'oracle_real' does not go with"),
    ],
)
def test_what_does_not_go_with_other_images(pair, method, budget, message):
    with pytest.raises(ConfigError, match=message):
        compose(pair, method, budget)


def test_there_are_configs():
    assert len(CLS) >= 12 and len(TEACHERS) >= 7 and len(COMPOSED) == 12 * 14
    assert sum(path.is_file() for path in CONFIGS.rglob('*')) < 80
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


@pytest.mark.parametrize(
    'path',
    [
        pytest.param(p, marks=() if p.stem.startswith(('digits', 'imagenet_eff')) else SLOW)
        for p in CLS
    ],
    ids=name,
)
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
        # What reaches the first layer has passed the whole generator.
        gradient = next(synthesizer.generator.parameters()).grad
        if losses[term].weight and (gradient is None or not gradient.abs().sum() > 1e-12):
            dead.append(term)
    synthesizer.losses = losses
    return dead


@pytest.mark.parametrize(
    'path',
    [
        *(pytest.param(p, marks=[SLOW] * p.stem.startswith('cifar100_wrn')) for p in CLS),
        *(pytest.param(p, marks=[SLOW] * (p != SEG[0])) for p in SEG),
    ],
    ids=name,
)
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


@pytest.mark.parametrize('teacher', TEACHERS, ids=str)
def test_teacher_trains(teacher, tmp_path):
    """Two steps of each teacher config, on digits in place of its data."""
    method = 'teacher' if is_pair(teacher) else None
    cfg = load_config(Namespace(config=teacher, method=method, cfg_options=None))
    classes = cfg.model.network.model.num_classes
    cfg.train_dataloader = dict(
        dataset=dict(type='Digits', split='train', image_size=32),
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
