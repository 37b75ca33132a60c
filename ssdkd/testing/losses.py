"""The contracts of inversion losses and of distillation terms, as a check."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ssdkd.losses import BaseDistillationLoss, BaseInversionLoss, InversionState
from ssdkd.models import Network, NetworkOutput, Teacher, recording
from ssdkd.tasks import BaseTask, Classification
from ssdkd.testing.common import K, Maker, cloned, global_seed, same, weights_of
from ssdkd.testing.networks import SIDE, tiny_networks

Evaluate = Callable[[Tensor], Tensor]


def check_loss(
    component: Callable[..., BaseInversionLoss | BaseDistillationLoss],
    task: BaseTask | None = None,
    **arguments,
) -> None:
    """Check that a loss keeps the promises of its base class.

    That is :class:`ssdkd.losses.BaseInversionLoss` or
    :class:`ssdkd.losses.BaseDistillationLoss`. Both: shape and finite values for one sample and
    for several, also in mixed precision; per-sample terms that do not mix samples; a gradient
    that lives; nothing random and nothing changed in the networks. Inversion losses also: the
    student's logits only if asked for, and going on from a checkpoint.

    Args:
        component: The class, or a function that makes a new loss.
        task: What class and divergence mean. Defaults to a classification.
        **arguments: Given to the component each time.

    Raises:
        ContractError: It breaks a rule; the message says which.
    """
    make = Maker(component, arguments)
    task = task or Classification(K)
    loss = make()
    make.must(
        isinstance(loss, BaseInversionLoss | BaseDistillationLoss),
        'be a BaseInversionLoss or a BaseDistillationLoss',
        f'is a {type(loss)}',
    )
    make.must(
        isinstance(getattr(loss, 'weight', None), int | float),
        'have its weight as a number (pass it to super().__init__)',
    )
    if isinstance(loss, BaseInversionLoss):
        _check_inversion(make, task)
    else:
        _check_distillation(make, task)


def _images(n: int = 6, seed: int = 3) -> Tensor:
    return torch.rand(n, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def _check_inversion(make: Maker, task: BaseTask) -> None:
    teacher, student = tiny_networks(task)
    loss, evaluate = _attached(make, task, teacher, student)
    values = _check_values(make, evaluate, (teacher, student))
    make.must(
        not loss.modulated or values.ndim == 1,
        'return one value per sample, [N], where modulated is True',
    )
    images = _images().requires_grad_()
    gradient = torch.autograd.grad(evaluate(images).sum(), images, allow_unused=True)[0]
    make.must(
        gradient is not None and gradient.isfinite().all() and gradient.abs().sum() > 0,
        'give the images a finite gradient that is not zero',
    )

    teacher(_images(4, seed=5).requires_grad_())  # whose loss nobody asks for
    with torch.no_grad():
        teacher(_images(2, seed=4))
    make.must(
        same(evaluate(_images().requires_grad_()).detach(), values),
        "read the teacher's latest pass with gradients, whatever passes came before it",
    )
    _check_checkpoint(make, task, loss, evaluate)


def _attached(
    make: Maker, task: BaseTask, teacher: Teacher, student: Network
) -> tuple[BaseInversionLoss, Evaluate]:
    loss = make()
    before = weights_of([teacher])
    with make.doing('look at a small teacher in attach()'):
        loss.attach(teacher)
    make.must(same(before, weights_of([teacher])), 'leave the teacher as it is')
    _check_parameters(make, loss, (teacher,))

    def evaluate(images: Tensor) -> Tensor:
        state = InversionState(
            images=images,
            targets=torch.arange(len(images)) % task.num_classes,
            teacher_logits=teacher(images),
            student_logits=student(images) if loss.needs_student else None,
            task=task,
        )
        before = cloned(vars(state) | dict(task=None))
        with make.doing(
            f'return a value for {len(images)} samples'
            + (
                ''
                if loss.needs_student
                else ', without student_logits (needs_student is False)'
            )
        ):
            value = loss(state)
        make.must(
            same(before, cloned(vars(state) | dict(task=None))), 'change nothing in its state'
        )
        return value

    return loss, evaluate


def _check_checkpoint(
    make: Maker, task: BaseTask, loss: BaseInversionLoss, evaluate: Evaluate
) -> None:
    with make.doing('end a phase'):
        loss.end_phase()
    state = make.resaved(cloned(loss.state_dict()))
    resumed, evaluate_resumed = _attached(make, task, *tiny_networks(task))
    with make.doing('load its own state_dict'):
        resumed.load_state_dict(state)
    images = _images(6, seed=8)
    results = []
    for one, value in ((loss, evaluate), (resumed, evaluate_resumed)):
        values = []
        for _ in range(2):
            values.append(value(images.clone().requires_grad_()).detach())
            one.end_phase()
        results.append(values)
    make.must(
        same(*results),
        'go on after load_state_dict as it would have without a stop: what it remembers must '
        'be in buffers',
    )


def _check_distillation(make: Maker, task: BaseTask) -> None:
    teacher, student = tiny_networks(task)
    term = make()
    before, hooks = weights_of([teacher, student]), _hooks(teacher, student)
    with make.doing('look at two small networks in attach()'):
        term.attach(teacher, student)
    make.must(
        same(before, weights_of([teacher, student])),
        'leave the networks as they are',
    )
    _check_parameters(make, term, (teacher, student))

    def evaluate(images: Tensor) -> Tensor:
        with make.doing(f'return a value for {len(images)} samples'):
            with torch.no_grad():
                of_teacher = _output(teacher, term.teacher_layers, images)
            of_student = _output(student, term.student_layers, images)
            logits = [of_student.logits.detach(), of_teacher.logits]
            before = cloned(logits)
            value = term.compare(of_student, of_teacher, task)
        make.must(same(before, logits), 'leave the logits as they are')
        return value

    values = _check_values(make, evaluate, (teacher, student))
    make.must(values.ndim == 1, 'return one value per sample, [N]')
    student.requires_grad_(True)
    parameters = list(student.parameters())
    gradients = torch.autograd.grad(evaluate(_images()).sum(), parameters, allow_unused=True)
    reached = [g for g in gradients if g is not None]
    make.must(
        reached and all(g.isfinite().all() for g in reached) and any(g.any() for g in reached),
        'give the student a finite gradient that is not zero',
    )
    with torch.no_grad():
        teacher(_images(2, seed=4)), student(_images(2, seed=4))
    make.must(
        same(evaluate(_images()).detach(), values),
        'read nothing but the outputs that it is given',
    )
    make.must(
        _hooks(teacher, student) == hooks,
        'put no hooks on the networks, but name layers in student_layers and teacher_layers',
    )


def _output(network: Network, layers: Sequence[str], images: Tensor) -> NetworkOutput:
    with recording(network.model, layers) as features:
        return NetworkOutput(network(images), features)


def _check_values(make: Maker, evaluate: Evaluate, networks: tuple[nn.Module, ...]) -> Tensor:
    """What holds for both kinds of loss; returns the values of :func:`_images`."""
    before = weights_of(networks)
    runs = []
    for seed in (1, 2):
        with global_seed(seed):
            runs.append(evaluate(_images().requires_grad_()))
    values = runs[0]
    shape = tuple(getattr(values, 'shape', ('nothing',)))
    make.must(shape in ((6,), ()), 'return [N] or []', f'got {list(shape)} for 6 samples')
    make.must_be('its value', values, shape)
    values = values.detach()
    make.must(same(values, runs[1].detach()), 'be the same for the same images: nothing random')

    few = evaluate(_images()[:2].requires_grad_())
    one = evaluate(_images()[:1].requires_grad_())
    for n, part in ((2, few), (1, one)):
        make.must_be(f'its value for {n} samples', part, (n,) if values.ndim else ())
        make.must(
            not values.ndim or torch.allclose(part.detach(), values[:n], rtol=1e-3, atol=1e-5),
            'compute the value of a sample from that sample alone, where it returns [N]',
        )
    with torch.autocast('cpu', torch.bfloat16, cache_enabled=False):
        mixed = evaluate(_images().requires_grad_())
    make.must_be('its value in mixed precision', mixed, shape)
    make.must(
        same(before, weights_of(networks)),
        'leave the networks as they are',
    )
    return values


def _check_parameters(make: Maker, loss: nn.Module, networks: tuple[nn.Module, ...]) -> None:
    theirs = {id(p) for network in networks for p in network.parameters()}
    make.must(
        not any(id(p) in theirs for p in loss.parameters()),
        'not make layers of the networks its own submodules (keep them in a list or a dict)',
    )


def _hooks(*networks: nn.Module) -> int:
    return sum(
        len(layer._forward_hooks) + len(layer._forward_pre_hooks)
        for network in networks
        for layer in network.modules()
    )
