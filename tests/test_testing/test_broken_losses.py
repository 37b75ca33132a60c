"""A loss or modulating function that breaks a rule is told which."""

import pytest
import torch
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.losses import (
    AttentionTransferLoss,
    BaseDistillationLoss,
    BaseInversionLoss,
    ClassPriorLoss,
    ModulatingFunction,
)
from ssdkd.testing import ContractError, check_loss, check_modulation


class Inversion(BaseInversionLoss):
    """Passes."""

    def forward(self, state):
        return state.teacher_logits.float().square().mean(1)


class NoLoss(nn.Module):
    pass


class NoWeight(Inversion):
    def __init__(self):
        nn.Module.__init__(self)


class Refuses(Inversion):
    def attach(self, teacher):
        raise ConfigError('not this teacher')


class TrainsTheTeacher(Inversion):
    def attach(self, teacher):
        next(teacher.buffers()).add_(1)


class OwnsTheTeacher(Inversion):
    def attach(self, teacher):
        self.layer = teacher.model.head


class Wide(Inversion):
    def forward(self, state):
        return state.teacher_logits


class NotFinite(Inversion):
    def forward(self, state):
        return super().forward(state) / 0


class NotFiniteAlone(Inversion):
    """The variance of a batch of one."""

    def forward(self, state):
        return state.teacher_logits.var(dim=0).sum()


class MixesSamples(Inversion):
    modulated = True

    def forward(self, state):
        values = super().forward(state)
        return values - values.mean()


class Random(Inversion):
    def forward(self, state):
        values = super().forward(state)
        return values * torch.rand(len(values))


class ModulatedStatistic(Inversion):
    modulated = True

    def forward(self, state):
        return super().forward(state).mean()


class Dead(Inversion):
    def forward(self, state):
        return super().forward(state).detach() + 0 * state.images.sum()


class ReadsTheStudent(Inversion):
    def forward(self, state):
        return state.student_logits.square().mean(1)


class ChangesImages(Inversion):
    def forward(self, state):
        with torch.no_grad():
            state.images.clamp_(0.2, 0.8)
        return super().forward(state)


class HalfOnly(Inversion):
    def forward(self, state):
        if state.teacher_logits.dtype == torch.bfloat16:
            raise RuntimeError('not implemented for BFloat16')
        return super().forward(state)


class FirstPass(Inversion):
    """Reads what it saw first since it was last asked."""

    def attach(self, teacher):
        self.seen = []
        teacher.model.head.register_forward_pre_hook(lambda m, x: self.seen.append(x[0]))

    def forward(self, state):
        features, self.seen[:] = self.seen[0], []
        return features.float().flatten(1).square().mean(1).sum()


class HiddenAverage(Inversion):
    average = 0.0

    def forward(self, state):
        value = super().forward(state).mean()
        self.latest = value.detach()
        return (value - self.average) ** 2

    def end_phase(self):
        self.average = self.latest


class CannotLoad(Inversion):
    def load_state_dict(self, state, strict=True):
        raise KeyError('average')


class Distillation(BaseDistillationLoss):
    """Passes."""

    def forward(self, student_logits, teacher_logits, task):
        return task.divergence(student_logits, teacher_logits, 2.0)


class BatchMean(Distillation):
    def forward(self, *args):
        return super().forward(*args).mean()


class MixesPairs(Distillation):
    def forward(self, *args):
        return super().forward(*args).softmax(0)


class TeachesTheTeacher(Distillation):
    def forward(self, student_logits, teacher_logits, task):
        return super().forward(student_logits.detach(), teacher_logits, task) + (
            0 * student_logits.flatten(1).sum(1)
        )


class ShiftsLogits(Distillation):
    def forward(self, student_logits, teacher_logits, task):
        teacher_logits -= teacher_logits.mean()
        return super().forward(student_logits, teacher_logits, task)


class OwnsTheStudent(Distillation):
    def attach(self, teacher, student):
        self.student = student


class KeepsHooks(AttentionTransferLoss):
    def attach(self, teacher, student):
        super().attach(teacher, student)
        student.model.layer1.register_forward_hook(lambda *args: None)


class SeesAllPasses(Distillation):
    def attach(self, teacher, student):
        self.passes = 0
        student.register_forward_hook(self.count)

    def count(self, *args):
        self.passes += 1

    def forward(self, *args):
        passes, self.passes = self.passes, 0
        return passes * super().forward(*args)


LOSSES = {
    NoLoss: 'be a BaseInversionLoss or a BaseDistillationLoss',
    NoWeight: 'have its weight as a number',
    Refuses: r'look at a small teacher in attach\(\); raised ConfigError',
    TrainsTheTeacher: 'leave the teacher as it is',
    OwnsTheTeacher: 'not make layers of the networks its own',
    Wide: r'return \[N\] or \[\]; got \[6, 4\]',
    NotFinite: 'return finite its value',
    NotFiniteAlone: 'return finite its value for 1 samples',
    MixesSamples: 'compute the value of a sample from that sample alone',
    Random: 'be the same for the same images',
    ModulatedStatistic: 'return one value per sample',
    Dead: 'give the images a finite gradient that is not zero',
    ReadsTheStudent: r'return a value for 6 samples, without student_logits',
    ChangesImages: 'change nothing in its state',
    HalfOnly: 'return a value for 6 samples.*BFloat16',
    FirstPass: "read the teacher's latest pass",
    HiddenAverage: 'go on after load_state_dict',
    CannotLoad: 'load its own state_dict',
    BatchMean: r'return one value per sample, \[N\]',
    MixesPairs: 'compute the value of a sample from that sample alone',
    TeachesTheTeacher: 'give the student a finite gradient',
    ShiftsLogits: 'leave the logits as they are',
    OwnsTheStudent: 'not make layers of the networks its own',
    KeepsHooks: 'put no hooks on the networks',
    SeesAllPasses: 'read nothing but the outputs that it is given',
}


@pytest.mark.parametrize('component', [Inversion, Distillation])
def test_plain_ones_pass(component):
    check_loss(component)


@pytest.mark.parametrize('component', LOSSES)
def test_broken_loss(component):
    with pytest.raises(ContractError, match=f'^{component.__name__} must {LOSSES[component]}'):
        check_loss(component)


def test_a_loss_that_reads_labels_it_has_not():
    class OnlyImages(ClassPriorLoss):
        def forward(self, state):
            return state.teacher_logits.gather(1, state.targets[:, None])[:, 0]

    check_loss(OnlyImages)


class NotCallable:
    pass


class FailsOnEmpty(ModulatingFunction):
    def __call__(self, output, buffer):
        buffer.check_filled()
        return super().__call__(output, buffer)


class OneWeight(ModulatingFunction):
    def __call__(self, output, buffer):
        return super().__call__(output, buffer).mean()


class DividesByMean(ModulatingFunction):
    def __call__(self, output, buffer):
        difficulty = (1 - output.confidence).detach()
        return difficulty / difficulty.mean()


class Gradient(ModulatingFunction):
    needs_counts = False

    def __call__(self, output, buffer):
        return 1 - output.confidence


class Negative(ModulatingFunction):
    def __call__(self, output, buffer):
        return super().__call__(output, buffer) - 1


class RandomWeights(ModulatingFunction):
    def __call__(self, output, buffer):
        return torch.rand(len(output.confidence))


class Writes(ModulatingFunction):
    def __call__(self, output, buffer):
        buffer.columns['weight'] *= 0.5
        return super().__call__(output, buffer)


class HidesItsNeed(ModulatingFunction):
    def __init__(self):
        super().__init__()
        self.needs_counts = False

    def __call__(self, output, buffer):
        if len(buffer):
            return (output.class_share @ buffer.class_counts.float()).clamp_min(0)
        return super().__call__(output, buffer)


class NotAtRest(ModulatingFunction):
    def __init__(self):
        super().__init__()
        self.active = False


MODULATIONS = {
    NotCallable: 'be a BaseModulation',
    FailsOnEmpty: 'weigh 1 samples and 0 of 8 slots; raised RuntimeError',
    OneWeight: r'return weights .* as a floating tensor \[1\]; got float32 \[\]',
    DividesByMean: 'return finite weights for 5 samples',
    Gradient: 'return weights without gradient',
    Negative: 'return weights of at least 0',
    RandomWeights: 'be the same for the same samples',
    Writes: 'change neither the buffer nor',
    HidesItsNeed: 'weigh .* of a buffer without class counts',
    NotAtRest: 'be 1 for all samples where active is False',
}


@pytest.mark.parametrize('component', MODULATIONS)
def test_broken_modulation(component):
    rule = f'^{component.__name__} must {MODULATIONS[component]}'
    with pytest.raises(ContractError, match=rule):
        check_modulation(component)
