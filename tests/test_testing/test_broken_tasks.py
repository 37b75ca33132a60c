"""A task or synthesizer that breaks a rule is told which."""

import pytest
import torch
from torch import nn

from ssdkd.synthesizers import NoiseSynthesizer
from ssdkd.tasks import Classification, TaskOutput
from ssdkd.testing import ContractError, check_synthesizer, check_task


class NoTask:
    def __init__(self, num_classes):
        pass


class OtherClasses(Classification):
    def __init__(self, num_classes):
        super().__init__(num_classes + 1)


class NoForm(Classification):
    logits_form = 'logits'


class Overflows(Classification):
    def divergence(self, student, teacher, temperature):
        p, q = teacher.float().exp(), student.float().exp()
        return (p * (p / q).log()).sum(1).abs()


class Unnormalised(Classification):
    def classify(self, logits):
        output = super().classify(logits)
        return output._replace(class_share=2 * output.class_share)


class WrongLabel(Classification):
    def classify(self, logits):
        output = super().classify(logits)
        return output._replace(label=0 * output.label)


class IntLabel(Classification):
    def classify(self, logits):
        output = super().classify(logits)
        return output._replace(label=output.label.int())


class LogConfidence(Classification):
    def classify(self, logits):
        output = super().classify(logits)
        return output._replace(confidence=output.confidence.log() - 1)


class ClassifiesWithGradient(Classification):
    def classify(self, logits):
        confidence, label = logits.float().softmax(1).max(1)
        return TaskOutput(nn.functional.one_hot(label, 4).float(), label, confidence)


class Reduces(Classification):
    def divergence(self, student, teacher, temperature):
        return super().divergence(student, teacher, temperature).mean()


class BelowZero(Classification):
    def divergence(self, student, teacher, temperature):
        return -super().divergence(student, teacher, temperature)


class NeverZero(Classification):
    def divergence(self, student, teacher, temperature):
        return super().divergence(student, teacher, temperature) + 1


class Disagrees(Classification):
    def agreement(self, student, teacher):
        return 1 - super().agreement(student, teacher)


class Guesses(Classification):
    def agreement(self, student, teacher):
        same = torch.equal(student, teacher)
        return torch.ones(len(student)) if same else torch.rand(len(student)).round()


class Centres(Classification):
    def class_prior(self, logits, targets):
        logits -= logits.amax(1, keepdim=True)
        return super().class_prior(logits, targets)


class MixesSamples(Classification):
    def divergence(self, student, teacher, temperature):
        values = super().divergence(student, teacher, temperature)
        return values * values.sum()


class MixesPriors(Classification):
    def class_prior(self, logits, targets):
        values = super().class_prior(logits, targets)
        return values + values.mean()


class NoGradient(Classification):
    def divergence(self, student, teacher, temperature):
        return super().divergence(student, teacher, temperature).detach()


class DeadPrior(Classification):
    def class_prior(self, logits, targets):
        return 0 * super().class_prior(logits, targets)


class Backwards(Classification):
    """The value is right, its gradient is not."""

    def divergence(self, student, teacher, temperature):
        value = super().divergence(student, teacher, temperature)
        return 2 * value.detach() - value


class OtherTarget(Classification):
    def class_prior(self, logits, targets):
        return super().class_prior(logits, (targets + 1) % 4)


class PredictsTensor(Classification):
    def predict(self, logits, data_samples):
        return logits


TASKS = {
    NoTask: 'be a BaseTask',
    OtherClasses: 'have num_classes as given',
    NoForm: 'say in logits_form',
    Overflows: 'return finite divergence',
    Unnormalised: 'return class shares that are not negative and sum to 1',
    WrongLabel: 'return as label the class with the largest share',
    IntLabel: 'return label as a int64 tensor',
    LogConfidence: r'return confidences in \[0, 1\]',
    ClassifiesWithGradient: 'classify without gradient',
    Reduces: r'return divergence as a floating tensor \[1\]; got float32 \[\]',
    BelowZero: 'return divergences of at least 0',
    NeverZero: 'return divergence 0 of logits from themselves',
    Disagrees: r'return agreements in \[0, 1\]',
    Guesses: 'be the same for the same logits',
    Centres: 'leave logits and targets as they are',
    MixesSamples: 'compute the divergence of a sample from that sample alone',
    MixesPriors: 'compute the class prior of a sample from that sample alone',
    NoGradient: 'let gradients through the divergence',
    DeadPrior: 'give each sample a finite gradient of the class prior',
    Backwards: 'have a divergence that its own gradient lowers',
    OtherTarget: 'return a class prior that falls',
    PredictsTensor: r'return a list from predict\(\)',
}


@pytest.mark.parametrize('component', TASKS)
def test_broken_task(component):
    with pytest.raises(ContractError, match=f'^{component.__name__} must {TASKS[component]}'):
        check_task(component)


class Synthesizer(NoiseSynthesizer):
    """Changes the images of its base class in some way."""

    def synthesize(self, context):
        batch, log = super().synthesize(context)
        return dict(image=self.change(batch['image'], context)), log


class Square(NoiseSynthesizer):
    def __init__(self, image_size, samples):
        super().__init__(image_size, samples)
        self.image_size = (8.0, 8.0)


class NoSamples(NoiseSynthesizer):
    def __init__(self, image_size, samples):
        super().__init__(image_size, samples)
        self.samples = 0


class FailsInWarmup(NoiseSynthesizer):
    def synthesize(self, context):
        assert not context.warmup
        return super().synthesize(context)


class ReturnsImages(NoiseSynthesizer):
    def synthesize(self, context):
        batch, log = super().synthesize(context)
        return batch['image'], log


class SetsPriorities(NoiseSynthesizer):
    def synthesize(self, context):
        batch, log = super().synthesize(context)
        return batch | dict(priority=torch.ones(self.samples)), log


class OneRowTooMany(NoiseSynthesizer):
    def synthesize(self, context):
        batch, log = super().synthesize(context)
        return batch | dict(latent=torch.ones(self.samples + 1, 2)), log


class ColumnWithGradient(NoiseSynthesizer):
    def synthesize(self, context):
        batch, log = super().synthesize(context)
        return batch | dict(latent=torch.ones(self.samples, 2, requires_grad=True)), log


class AnotherWidth(NoiseSynthesizer):
    def synthesize(self, context):
        batch, log = super().synthesize(context)
        return batch | dict(latent=torch.ones(self.samples, 1 + context.round)), log


class TooMany(Synthesizer):
    def change(self, images, context):
        return torch.cat([images, images])


class OutOfRange(Synthesizer):
    def change(self, images, context):
        return images - 0.5


class WithGradient(Synthesizer):
    def change(self, images, context):
        return images.requires_grad_()


class LogsNumbers(NoiseSynthesizer):
    def synthesize(self, context):
        return super().synthesize(context)[0], dict(loss=0.5)


class LogsVectors(NoiseSynthesizer):
    def synthesize(self, context):
        return super().synthesize(context)[0], dict(loss=torch.ones(3))


class ChangesTheStudent(Synthesizer):
    def change(self, images, context):
        next(context.student.buffers()).add_(1)
        return images


class LeavesTraining(Synthesizer):
    def change(self, images, context):
        context.student.train()
        return images


class LeavesGradients(Synthesizer):
    def change(self, images, context):
        context.student.requires_grad_(True)
        return images


class OwnRandomness(Synthesizer):
    def change(self, images, context):
        return images * torch.rand(())


class HiddenRound(Synthesizer):
    rounds = 0

    def change(self, images, context):
        self.rounds += 1
        return images / self.rounds


SYNTHESIZERS = {
    Square: r'have image_size as \(height, width\)',
    NoSamples: 'have samples as the number',
    FailsInWarmup: 'make samples in a warm-up round; raised AssertionError',
    ReturnsImages: 'return a batch that a buffer can store; raised .* returns Tensor as its',
    SetsPriorities: ".* returns a column 'priority', which the buffer fills itself",
    OneRowTooMany: r".* returns \[5, 2\] as column 'latent'",
    ColumnWithGradient: "return column 'latent' without gradient",
    AnotherWidth: 'bring the same columns in the same form every round',
    TooMany: r'return as many images as samples says as .* \[4, 3, 8, 8\]; got float32 \[8',
    OutOfRange: r'return images in \[0, 1\]',
    WithGradient: 'return images without gradient',
    LogsNumbers: "return 'loss' of the log",
    LogsVectors: "return 'loss' of the log",
    ChangesTheStudent: 'leave teacher and student as they are',
    LeavesTraining: 'leave teacher and student in evaluation mode',
    LeavesGradients: 'leave teacher and student in evaluation mode and without gradients',
    OwnRandomness: 'draw with rng alone',
    HiddenRound: 'go on after load_state_dict',
}


@pytest.mark.parametrize('component', SYNTHESIZERS)
def test_broken_synthesizer(component):
    rule = f'^{component.__name__} must {SYNTHESIZERS[component]}'
    with pytest.raises(ContractError, match=rule):
        check_synthesizer(component, image_size=8, samples=4)
