"""Roles: which optimizer trains what, and that no trainable parameter is forgotten."""

import pytest
import torch
from helpers import NO_VAL, build_distiller, build_runner, unregistered
from torch import nn

from ssdkd.distillers import ReplayDistiller, Role
from ssdkd.engine import RoleOptimWrapperConstructor
from ssdkd.engine.finite import not_finite, remedy, training_tensors
from ssdkd.engine.trained import check_trained
from ssdkd.errors import ConfigError
from ssdkd.losses import KLDivergenceLoss
from ssdkd.registry import LOSSES, MODELS

SGD = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))


class HeadLoss(KLDivergenceLoss):
    """KL divergence of logits that a linear layer has changed."""

    def __init__(self, weight: float = 1.0):
        super().__init__(weight)
        self.head = nn.Linear(10, 10)

    def forward(self, student_logits, teacher_logits, task):
        return super().forward(self.head(student_logits), teacher_logits, task)


class HiddenHeadLoss(HeadLoss):
    """The same, with the layer where torch does not see it."""

    def __init__(self, weight: float = 1.0):
        super().__init__(weight)
        self.heads = [self.head]
        del self.head
        self.head = self.heads[0].forward


@pytest.fixture
def with_losses():
    with unregistered():
        for loss in (HeadLoss, HiddenHeadLoss):
            LOSSES.register_module(module=loss)
        yield


def trains(distiller, **optimizers):
    wrapper = RoleOptimWrapperConstructor(optimizers or dict(student=SGD, generator=SGD))
    wrapper = wrapper(distiller)
    check_trained(distiller, wrapper)
    return wrapper


def test_a_head_of_a_distillation_loss_learns_with_the_student(tiny, with_losses):
    distiller = build_distiller(tiny({'model.distillation.head': dict(type='HeadLoss')}))
    wrapper = trains(distiller)
    distiller.synthesize(wrapper)
    head = distiller.distillation['head'].head.weight
    before = head.detach().clone()
    distiller.train_step(None, wrapper)
    assert not torch.equal(head, before)
    assert head.grad is None or not head.grad.any()  # cleared with the student's
    assert set(wrapper.keys()) == {'student', 'generator'}


def test_a_hidden_head_is_an_error_before_training(tiny, with_losses):
    cfg = tiny(NO_VAL | {'model.distillation.head': dict(type='HiddenHeadLoss')})
    with pytest.raises(
        ConfigError, match=r'model\.distillation\.head\.heads\.0\.weight: no opt.*an attribute'
    ):
        build_runner(cfg).train()


def test_an_optimizer_that_the_config_leaves_out(tiny):
    cfg = tiny(NO_VAL)
    del cfg.optim_wrapper['generator']
    cfg.param_scheduler = None
    with pytest.raises(
        ConfigError,
        match=r'model\.synthesizer\.generator\..*: no opt.*optim_wrapper\.generator',
    ):
        build_runner(cfg).train()


def test_parameters_of_any_component(distiller):
    distiller.sampler.policy = nn.Linear(2, 2)
    with pytest.raises(ConfigError, match=r'model\.sampler\.policy\.weight.*roles of ReplayD'):
        trains(distiller)
    distiller.sampler.policy.requires_grad_(False)
    trains(distiller)
    distiller.teacher.requires_grad_(True)
    with pytest.raises(ConfigError, match=r'model\.teacher\.model\..*give its role an opt'):
        trains(distiller)


def test_a_module_without_a_role(tiny):
    class Forgetful(ReplayDistiller):
        """Forgets to say that it trains something else."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.critic = nn.Linear(2, 2)

    with unregistered():
        MODELS.register_module(module=Forgetful)
        distiller = build_distiller(tiny({'model.type': 'Forgetful'}))
    with pytest.raises(ConfigError, match=r'model\.critic\.weight.*roles of Forgetful'):
        trains(distiller)
    critic = Role('critic', optimizer='critic', losses='distillation')
    roles = ReplayDistiller.roles.fget
    Forgetful.roles = property(lambda self: roles(self) | {'critic': critic})
    with pytest.raises(ConfigError, match=r'add optim_wrapper\.critic'):
        trains(distiller)
    wrapper = trains(distiller, student=SGD, generator=SGD, critic=SGD)
    assert list(wrapper.keys()) == ['student', 'generator', 'critic']
    # The checks of every round know the new part, too.
    distiller.critic.weight.data.fill_(torch.nan)
    (broken,) = not_finite(training_tensors(distiller, wrapper))
    assert broken == 'critic.weight' and 'optim_wrapper.critic' in remedy(broken, distiller)


def test_networks_and_roles_of_the_replay_distiller(distiller):
    assert list(distiller.networks) == ['teacher', 'student']
    assert list(distiller.trained) == ['generator', 'student', 'distillation.kl']
    images = torch.rand(2, 3, 16, 16)
    distiller.eval()
    student = distiller(images)
    with distiller.evaluating('teacher'):
        torch.testing.assert_close(distiller(images), distiller.teacher(images))
    assert torch.equal(distiller(images), student)
