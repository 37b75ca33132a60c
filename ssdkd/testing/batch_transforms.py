"""The contract of a batch transform, as a check."""

from collections.abc import Callable

import torch
from torch import Tensor

from ssdkd.testing.common import Maker, global_seed, same
from ssdkd.transforms import BaseBatchTransform

SIZE = (8, 6)  # not a square, so that height and width are not mixed up


def check_batch_transform(
    component: Callable[..., BaseBatchTransform], size: tuple[int, int] = SIZE, **arguments
) -> None:
    """Check that a batch transform keeps the promises of ``BaseBatchTransform``.

    (:class:`ssdkd.transforms.BaseBatchTransform`.) Shape and range of the images, for one
    sample and for several, of random, black and white pixels; images that are not changed in
    place; randomness from ``rng`` only; a gradient that reaches the images, as synthesizers
    need it.

    Args:
        component: The class, or a function that makes a new transform.
        size: (H, W) of the images. Defaults to (8, 6).
        **arguments: Given to the component each time.

    Raises:
        ContractError: It breaks a rule; the message says which.
    """
    make = Maker(component, arguments)
    transform = make(BaseBatchTransform)
    for n in (1, 5):
        shape = (n, 3, *size)
        random = torch.rand(shape, generator=torch.Generator().manual_seed(n))
        for images in (random, torch.zeros(shape), torch.ones(shape)):
            _check_call(make, transform, images)
    images = torch.rand(5, 3, *size, generator=torch.Generator().manual_seed(0))
    images.requires_grad_()
    with make.doing('work without rng, by the random numbers of torch'):
        transform(images.detach())
    changed = _transformed(make, transform, images)
    make.must(changed.requires_grad, 'let gradients flow to the images')
    (gradient,) = torch.autograd.grad(changed.sum(), images)
    make.must(
        gradient.isfinite().all() and gradient.any(),
        'give the images a finite gradient that is not zero',
    )


def _transformed(make: Maker, transform: BaseBatchTransform, images: Tensor) -> Tensor:
    with make.doing(f'transform {len(images)} images'):
        return transform(images, torch.Generator().manual_seed(7))


def _check_call(make: Maker, transform: BaseBatchTransform, images: Tensor) -> None:
    before = images.clone()
    runs = []
    for seed in (1, 2):
        with global_seed(seed):
            runs.append(_transformed(make, transform, images))
    changed = runs[0]
    make.must_be('images', changed, tuple(images.shape), torch.float32)
    make.must(
        0 <= changed.min() and changed.max() <= 1,
        'return images in [0, 1]',
        f'got [{changed.min():.3g}, {changed.max():.3g}]',
    )
    make.must(same(images, before), 'leave the images that it is given as they are')
    make.must(same(*runs), 'draw with rng alone, so that a seed fixes the images')
