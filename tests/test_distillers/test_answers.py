"""Answers of the teacher that are kept beside the samples, against a pass of the teacher."""

import pytest
import torch
from helpers import NO_VAL, build_distiller, check_resumed, plain_optimizers, save_teacher
from torch import nn

from ssdkd.buffers import ANSWER, rounded
from ssdkd.distillers.answers import check_kept
from ssdkd.errors import ConfigError
from ssdkd.losses import BaseDistillationLoss
from ssdkd.models import NetworkOutput, recording
from ssdkd.registry import LOSSES, MODELS

KEEP = {'model.keep_answers': True}
CROPS = {'model.augment': [dict(type='RandomCropFlip', padding=2, flip=True)]}
FEATURES = {'model.distillation.features': dict(type='FeatureMatchingLoss', weight=3.0)}
MANY = {'model.synthesizer.samples': 24}  # per round, where a student step has 16
TOLERANCE = dict(rtol=1e-5, atol=1e-5)  # batches of another size are summed in another order


def pictures(n: int) -> torch.Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def asked(distiller, images) -> NetworkOutput:
    """A plain pass of the teacher itself."""
    teacher = distiller.teacher
    with torch.no_grad(), recording(teacher.model, distiller.layers('teacher')) as features:
        return NetworkOutput(teacher(images), features)


def test_they_are_what_the_teacher_says_of_the_stored_images(tiny):
    distiller = build_distiller(tiny(KEEP | CROPS | FEATURES))
    slots = distiller.store(dict(image=pictures(8)))
    stored = distiller.buffer[slots]
    expected = asked(distiller, stored['image'])
    kept = distiller.teach(slots, stored['image'])
    torch.testing.assert_close(kept.logits, expected.logits, **TOLERANCE)
    assert kept.features.keys() == expected.features.keys() and kept.features
    for layer, (maps,) in kept.features.items():
        torch.testing.assert_close(maps, expected.features[layer][0], **TOLERANCE)
    # Class and confidence are those of the stored image, too.
    confidence = expected.logits.softmax(1).amax(1)
    torch.testing.assert_close(stored['confidence'], confidence, **TOLERANCE)


def test_a_sample_is_augmented_once_when_it_is_stored(tiny):
    distiller = build_distiller(tiny(KEEP | CROPS))
    given = torch.full((16, 3, 32, 32), 0.6)  # a moved crop has a margin of another colour
    distiller.store(dict(image=given))
    stored = distiller.buffer[torch.arange(16)]['image']
    assert len(stored.flatten(1).unique(dim=0)) > 1
    assert (given == 0.6).all()  # what the synthesizer made is not changed
    indices, _, images = distiller.draw()
    assert torch.equal(images, stored[indices])


def test_student_steps_are_those_with_a_pass_of_the_teacher(tiny):
    """Without augmentation, both see the same images."""
    cfg = FEATURES | {'model.augment': []}
    logs = []
    for keep in (False, True):
        distiller = build_distiller(tiny(cfg | {'model.keep_answers': keep}))
        distiller.store(dict(image=pictures(16)))
        wrappers = plain_optimizers(distiller)
        logs.append([distiller.train_step(None, wrappers)['loss'] for _ in range(3)])
    torch.testing.assert_close(torch.stack(logs[0]), torch.stack(logs[1]), rtol=1e-3, atol=0)


def test_student_steps_do_not_ask_the_teacher(tiny):
    distiller = build_distiller(tiny(KEEP | FEATURES))
    distiller.store(dict(image=pictures(16)))
    wrappers = plain_optimizers(distiller)
    passes = []
    for network in (distiller.teacher, distiller.teacher.answering):
        network.register_forward_hook(lambda *_: passes.append(1))
    distiller.train_step(None, wrappers)
    assert not passes
    distiller.store(dict(image=pictures(16)))
    assert len(passes) == 1


@pytest.mark.parametrize('keep', [True, False])
def test_the_teacher_is_asked_in_passes_of_the_size_of_a_student_step(tiny, keep):
    distiller = build_distiller(tiny(FEATURES | MANY | {'model.keep_answers': keep}))
    sizes = []
    for network in (distiller.teacher, distiller.teacher.answering):
        network.register_forward_hook(lambda _, images, __: sizes.append(len(images[0])))
    slots = distiller.store(dict(image=rounded(pictures(24))))
    assert sizes == [16, 16]
    stored = distiller.buffer[slots]
    expected = asked(distiller, stored['image'])
    confidence = expected.logits.softmax(1).amax(1)
    torch.testing.assert_close(stored['confidence'], confidence, **TOLERANCE)
    kept = distiller.teach(slots, stored['image'])
    for layer, (maps,) in kept.features.items():
        torch.testing.assert_close(maps, expected.features[layer][0], **TOLERANCE)


def test_they_go_with_their_slots(tiny):
    """A sample that takes the place of another brings its own."""
    distiller = build_distiller(tiny(KEEP | FEATURES | {'model.buffer.capacity': 16}))
    distiller.store(dict(image=pictures(16)))
    slots = distiller.store(dict(image=pictures(16).flip(1)))[:8]
    images = distiller.buffer[slots]['image']
    kept, expected = distiller.teach(slots, images), asked(distiller, images)
    torch.testing.assert_close(kept.logits, expected.logits, **TOLERANCE)


@pytest.mark.parametrize('stopped', [1, 2], ids=['in warm-up', 'later'])
@pytest.mark.parametrize(
    'more', [{}, FEATURES, FEATURES | MANY], ids=['logits', 'features', 'several passes']
)
def test_a_resumed_run_equals_one_that_was_not_stopped(tiny, more, stopped):
    cfg = tiny(NO_VAL | KEEP | CROPS | more | {'default_hooks.checkpoint.max_keep_ckpts': -1})
    check_resumed(cfg, stopped)


def test_checkpoints_leave_them_out_and_they_are_asked_again(tiny):
    cfg = tiny(KEEP | CROPS | FEATURES | {'model.buffer.capacity': 24})
    first, second = build_distiller(cfg), build_distiller(cfg)
    for i in range(2):  # the second one overwrites a part of the first
        first.store(dict(image=pictures(16).flip(i)))
    state = first.training_state()
    assert not [name for name in state['buffer']['columns'] if name.startswith(ANSWER)]
    second.load_training_state(state)
    slots = torch.arange(24)
    images = first.buffer[slots]['image']
    kept, again = first.teach(slots, images), second.teach(slots, images)
    assert torch.equal(kept.logits, again.logits)
    for layer, (maps,) in kept.features.items():
        assert torch.equal(maps, again.features[layer][0])


def test_a_buffer_without_facts_keeps_them_too(tiny):
    cfg = KEEP | {
        'model.buffer': dict(_delete_=True, type='FreshBuffer', capacity=16),
        'model.writer': None,
        'model.modulation.diversity': False,
        'model.modulation.difficulty': False,
    }
    distiller = build_distiller(tiny(cfg))
    slots = distiller.store(dict(image=pictures(16)))
    images = distiller.buffer[slots]['image']
    kept = distiller.teach(slots, images)
    torch.testing.assert_close(kept.logits, asked(distiller, images).logits, **TOLERANCE)
    assert 'class_share' not in distiller.buffer.columns


def test_two_students_read_them(tiny):
    import projects.distillers.two_students as project

    cfg = tiny(KEEP)
    second = dict(cfg.model, type=project.TwoStudents.__name__, second=dict(cfg.model.student))
    distiller = MODELS.build(second)
    distiller.seed(0)
    slots = distiller.store(dict(image=pictures(16)))
    indices, _, images = distiller.draw()
    assert torch.equal(
        distiller.teach(indices, images).logits,
        distiller.buffer.columns['teacher/logits'][slots][indices],
    )


class Positions(nn.Module):
    def forward(self, images):
        return images.new_zeros(1, 10)


@MODELS.register_module(force=True)
class NetWithPositions(nn.Module):
    def __init__(self):
        super().__init__()
        self.positions = Positions()
        self.head = nn.Linear(3, 10)

    def forward(self, images):
        return self.head(images.mean((2, 3))) + self.positions(images)


@LOSSES.register_module(force=True)
class ReadsPositions(BaseDistillationLoss):
    teacher_layers = ('positions',)

    def compare(self, student, teacher, task):
        return student.logits.sum(1)


def test_layers_without_a_row_per_image_are_named(tiny, tmp_path):
    network = dict(type='NetWithPositions')
    weights = save_teacher(network, tmp_path / 'positions.pth')
    options = {
        'model.teacher': dict(_delete_=True, model=network, checkpoint=weights),
        'model.distillation.positions': dict(type='ReadsPositions'),
    }
    with pytest.raises(ConfigError, match=r"keep_answers.*'positions'.*\[1, 10\] for 2 images"):
        build_distiller(tiny(KEEP | options))
    with pytest.raises(ConfigError, match='returns tuple for 2 images'):
        check_kept(NetworkOutput(torch.zeros(2, 3), {'a': [(1, 2)]}), 2)
