"""The contract of a task, as a check."""

from collections.abc import Callable

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

from ssdkd.tasks import BaseTask
from ssdkd.testing.common import K, Maker, cloned, global_seed, same
from ssdkd.testing.networks import is_dense


def check_task(component: Callable[..., BaseTask], **arguments) -> None:
    """Check that a task keeps the promises of :class:`ssdkd.tasks.BaseTask`.

    Shapes and ranges of all that it says of one sample and of several, for ordinary and
    for extreme logits and in half precision; gradients where they are wanted and only there.

    Args:
        component: The class, or a function that makes a new task; it is called with
            ``num_classes`` and the arguments.
        **arguments: Given to it each time, such as the only ``num_classes`` that it takes.

    Raises:
        ContractError: It breaks a rule; the message says which.
    """
    make = Maker(component, dict(num_classes=K) | arguments)
    task = make(BaseTask)
    make.must(task.num_classes == make.arguments['num_classes'], 'have num_classes as given')
    make.must(
        str(getattr(task, 'logits_form', '')).count(',') in (1, 3),
        "say in logits_form which logits it reads, '[N, K]' or '[N, K, H, W]'",
    )
    make.must(
        task.cases in ('images', 'pixels', 'labels'),
        "have cases as 'images', 'pixels' or 'labels'",
        f'got {task.cases!r}',
    )
    for n in (1, 5):
        for scale in (1.0, 1e4):
            for dtype in (torch.float32, torch.bfloat16):
                student, teacher = (scale * _logits(task, n, seed) for seed in (1, 2))
                _check_all(make, task, student.to(dtype), teacher.to(dtype))
    _check_learning(make, task)
    _check_predict(make, task)


def _logits(task: BaseTask, n: int, seed: int) -> Tensor:
    shape = (n, task.outputs) + ((3, 5) if is_dense(task) else ())
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _check_all(make: Maker, task: BaseTask, student: Tensor, teacher: Tensor) -> None:
    n = len(student)
    k = task.num_classes
    targets = torch.arange(n) % k
    before = cloned([student, teacher, targets])
    runs = []
    for seed in (1, 2):
        with global_seed(seed), make.doing(f'take {student.dtype} logits of {n} samples'):
            runs.append(
                dict(
                    classify=tuple(task.classify(teacher.clone().requires_grad_())),
                    divergence=task.divergence(student, teacher, 3.0),
                    nothing=task.divergence(teacher, teacher, 3.0),
                    class_prior=task.class_prior(teacher, targets),
                    agreement=task.agreement(student.clone().requires_grad_(), teacher),
                    itself=task.agreement(teacher, teacher),
                )
            )
    said = runs[0]
    share, label, confidence = said['classify']
    make.must_be('class_share', share, (n, k))
    make.must(
        (share >= 0).all() and torch.allclose(share.sum(1), torch.ones(n), atol=1e-3),
        'return class shares that are not negative and sum to 1',
        f'got {share.tolist()}',
    )
    _check_outcomes(make, task, student)
    make.must_be('label', label, (n,), torch.int64)
    make.must(
        torch.equal(share.gather(1, label[:, None])[:, 0], share.amax(1)),
        'return as label the class with the largest share',
    )
    make.must_be('confidence', confidence, (n,))
    make.must(
        0 <= confidence.min() and confidence.max() <= 1,
        'return confidences in [0, 1]',
        f'got {confidence.tolist()}',
    )
    make.must(
        not share.requires_grad and not confidence.requires_grad,
        'classify without gradient',
    )
    for name in ('divergence', 'class_prior'):
        make.must_be(name, said[name], (n,))
    make.must((said['divergence'] >= -1e-4).all(), 'return divergences of at least 0')
    make.must(
        (said['nothing'].abs() <= 1e-4).all(), 'return divergence 0 of logits from themselves'
    )
    make.must_be('agreement', said['agreement'], (n,))
    make.must(
        0 <= said['agreement'].min()
        and said['agreement'].max() <= 1
        and (said['itself'] == 1).all(),
        'return agreements in [0, 1], 1 of logits with themselves',
    )
    make.must(not said['agreement'].requires_grad, 'return agreements without gradient')
    make.must(same(*runs), 'be the same for the same logits: nothing random')
    make.must(same(before, [student, teacher, targets]), 'leave logits and targets as they are')


def _check_outcomes(make: Maker, task: BaseTask, logits: Tensor) -> None:
    with make.doing('return outcomes of the logits'):
        outcomes = task.outcomes(logits)
    make.must(
        outcomes.ndim >= 2 and len(outcomes) == len(logits) and outcomes.shape[1] > 1,
        'return outcomes [N, C, ...] of at least two that exclude each other',
        f'got {list(outcomes.shape)}',
    )
    share = task.log_mean_share(logits)
    make.must_be('log_mean_share', share, (task.num_classes,))
    make.must(
        abs(share.exp().sum() - 1) < 1e-3, 'return the logarithms of shares that sum to 1'
    )


def _check_learning(make: Maker, task: BaseTask) -> None:
    student, teacher = _logits(task, 5, 1).requires_grad_(), _logits(task, 5, 2)
    targets = torch.arange(5) % task.num_classes
    divergence = task.divergence(student, teacher, 2.0)
    part = task.divergence(student[:2], teacher[:2], 2.0)
    make.must(
        torch.allclose(part, divergence[:2], atol=1e-5),
        'compute the divergence of a sample from that sample alone',
    )
    prior = task.class_prior(student, targets)
    make.must(
        torch.allclose(task.class_prior(student[:2], targets[:2]), prior[:2], atol=1e-5),
        'compute the class prior of a sample from that sample alone',
    )
    for name, values in (('divergence', divergence), ('class prior', prior)):
        make.must(values.requires_grad, f'let gradients through the {name}')
        gradient = torch.autograd.grad(values.sum(), student)[0]
        make.must(
            gradient.isfinite().all() and (gradient.flatten(1).abs().sum(1) > 0).all(),
            f'give each sample a finite gradient of the {name} that is not zero',
        )
        # A small step against the gradient.
        with torch.no_grad():
            moved = student - 1e-2 * gradient
            after = (
                task.divergence(moved, teacher, 2.0)
                if name == 'divergence'
                else task.class_prior(moved, targets)
            )
        make.must((after < values).all(), f'have a {name} that its own gradient lowers')
    wanted = student.detach().clone()
    if task.outputs == task.num_classes:
        wanted[torch.arange(5), targets] += 1
    else:  # one logit, of class 1
        wanted += 2 * targets[:, None] - 1
    make.must(
        (task.class_prior(wanted, targets) < prior).all(),
        'return a class prior that falls as the logit of the target class grows',
    )


def _check_predict(make: Maker, task: BaseTask) -> None:
    logits = _logits(task, 3, 1)
    samples = [BaseDataElement(metainfo=dict(ori_shape=(6, 10))) for _ in range(3)]
    with make.doing('predict what the metrics expect of a batch'):
        predicted = task.predict(logits, samples)
    make.must(
        isinstance(predicted, list) and predicted,
        'return a list from predict(), as metrics read it',
        f'got {type(predicted).__name__}',
    )
