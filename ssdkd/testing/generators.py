"""The contract of a generator, as a check."""

from collections.abc import Callable

import torch

from ssdkd.errors import ConfigError
from ssdkd.generators import BaseGenerator
from ssdkd.testing.common import Maker, cloned, global_seed, same


def check_generator(component: Callable[..., BaseGenerator], **arguments) -> None:
    """Check that a generator keeps the promises of :class:`ssdkd.generators.BaseGenerator`.

    Shapes and range of the images, gradients to every latent and every weight, one sample
    alone as among others, labels, no hidden randomness, going on from a checkpoint. Check a
    conditional one with ``num_classes``, and again without.

    Args:
        component: The class, or a function that makes a new generator.
        **arguments: Given to it each time, such as a small ``image_size`` and ``width``.

    Raises:
        ContractError: It breaks a rule; the message says which.
    """
    make = Maker(component, arguments)
    generator = make(BaseGenerator)
    with global_seed(1):
        z = torch.randn(4, generator.latent_dim)
    labels = None
    if generator.num_classes is not None:
        labels = torch.arange(4) % generator.num_classes
    size = generator.image_size
    make.must(
        isinstance(size, tuple) and len(size) == 2 and all(isinstance(s, int) for s in size),
        'have image_size as (H, W), two integers',
        f'got {size!r}',
    )
    _check_images(make, generator, z, labels)
    _check_gradients(make, generator, z, labels)
    _check_single(make, generator, z, labels)
    _check_labels(make, generator, z, labels)
    _check_state(make, z, labels)


def _check_images(make: Maker, generator: BaseGenerator, z, labels) -> None:
    for mode in (True, False):
        generator.train(mode)
        for scale in (1, 100):
            given = scale * z
            with make.doing(f'make images of latents {list(z.shape)}'), torch.no_grad():
                images = generator(given, labels)
            make.must_be('images', images, (len(z), generator.channels, *generator.image_size))
            make.must(
                0 <= images.min() and images.max() <= 1,
                'return images in [0, 1], whatever the latents',
                f'got [{images.min():.3g}, {images.max():.3g}]',
            )
            make.must(torch.equal(given, scale * z), 'leave the latents as they are')


def _check_gradients(make: Maker, generator: BaseGenerator, z, labels) -> None:
    generator.train()
    z = z.clone().requires_grad_()
    images = generator(z, labels)
    with global_seed(2):
        target = torch.rand_like(images)
    with make.doing('let gradients through from the images to latents and weights'):
        (images * target).sum().backward()
    make.must(
        z.grad is not None and (z.grad.flatten(1).abs().sum(dim=1) > 0).all(),
        'make each image depend on its latent, differentiably',
    )
    for name, parameter in generator.named_parameters():
        make.must(
            parameter.grad is not None and parameter.grad.abs().sum() > 0,
            'use each of its weights, as a distributed run waits for the gradients of all',
            f"'{name}' gets none",
        )
    generator.zero_grad()


@torch.no_grad()
def _check_single(make: Maker, generator: BaseGenerator, z, labels) -> None:
    generator.eval()
    images = generator(z, labels)
    with make.doing('make a single image in evaluation mode'):
        one = generator(z[:1], None if labels is None else labels[:1])
    make.must(
        torch.allclose(one, images[:1], atol=1e-4),
        'make, in evaluation mode, each image from its own latent alone',
    )


@torch.no_grad()
def _check_labels(make: Maker, generator: BaseGenerator, z, labels) -> None:
    generator.eval()
    if labels is None:
        with make.doing('ignore labels where num_classes is None'):
            ignored = generator(z, torch.tensor([3, 1, 0, 2]))
        make.must(
            torch.equal(ignored, generator(z, None)), 'ignore labels where num_classes is None'
        )
        return
    make.must_raise(
        ConfigError,
        'refuse, with a ConfigError, latents without labels where num_classes is set (call '
        'condition())',
        lambda: generator(z, None),
    )
    if generator.num_classes > 1:
        others = (labels + 1) % generator.num_classes
        make.must(
            not torch.allclose(generator(z, labels), generator(z, others)),
            'heed the labels where num_classes is set',
        )


@torch.no_grad()
def _check_state(make: Maker, z, labels) -> None:
    for mode in (True, False):
        runs = []
        for seed in (3, 4):
            generator = make().train(mode)
            with global_seed(seed):
                runs.append([generator(z, labels) for _ in range(2)])
        make.must(
            same(*runs),
            'depend on latents and labels alone: a generator draws no random numbers',
        )
    generator = make().train()
    for _ in range(3):  # batch norms learn
        generator(z, labels)
    state = make.resaved(cloned(generator.state_dict()))
    resumed = make()
    with torch.no_grad():
        for parameter in resumed.parameters():
            parameter.add_(0.1)
    with make.doing('load its own state_dict'):
        resumed.load_state_dict(state)
    make.must(
        same(resumed.eval()(z, labels), generator.eval()(z, labels)),
        'make the same images after load_state_dict: what it is belongs into its state_dict',
    )
