"""Image sizes of generators."""

from logging import WARNING

from mmengine.logging import print_log

from ssdkd.checks import is_int
from ssdkd.errors import ConfigError
from ssdkd.registry import GENERATORS

# From here on DeepGenerator is meant.
LARGE = 64


def checked_size(
    image_size: int | tuple[int, int], smallest: int, largest: int | None = None
) -> tuple[int, int]:
    """Return (H, W) if both are integers from ``smallest`` to ``largest``.

    Raises:
        ConfigError: They are not; the message names the nearest size that is.
    """
    size = image_size if isinstance(image_size, list | tuple) else (image_size, image_size)
    size = tuple(size)
    if len(size) != 2 or not all(map(is_int, size)):
        raise ConfigError(
            f"generator: key 'image_size' is {image_size!r}; give an integer or (height, width)"
        )
    for side in size:
        nearest = min(max(side, smallest), largest or max(side, smallest))
        if nearest != side:
            raise ConfigError(
                f"generator: key 'image_size' is {image_size}, and {side} is not from "
                f'{smallest}' + (f' to {largest}' if largest else ' on') + f'; use {nearest}'
            )
    return size


def made_size(name: str, size: tuple[int, int], step: int) -> tuple[int, int]:
    """The next size up whose sides are multiples of ``step``; the log says where it differs.

    Args:
        name: Of the generator, for the log.
        size: (H, W) of the images.
        step: What the generator's upsamplings multiply.
    """
    made = tuple(-(-side // step) * step for side in size)
    if made != size:
        print_log(
            f'{name} makes images of {made[0]}x{made[1]} pixels, of which the centre is kept: '
            f'{size[0]}x{size[1]}',
            'current',
        )
    return made


def warn_large(name: str, size: tuple[int, int]) -> None:
    """Warn of a generator for small images at a size that another one is for."""
    if min(size) > LARGE:
        print_log(
            f'{name} is for images of up to {LARGE} pixels, and image_size is '
            f'{size[0]}x{size[1]}: its few convolutions see a small part of such an image, so '
            "that no large shapes arise; use type='DeepGenerator' (of a pair: kind='imagenet')",
            'current',
            WARNING,
        )


def with_type(cfg: dict) -> dict:
    """A generator's config; without a type, that of the generator for its image size.

    That is ``DCGANGenerator`` below 64 pixels, and ``DeepGenerator`` from there on.
    """
    if not isinstance(cfg, dict) or 'type' in cfg:
        return cfg
    height, width = checked_size(cfg.get('image_size', 32), 1)
    name = 'DeepGenerator' if min(height, width) >= LARGE else 'DCGANGenerator'
    print_log(f'generator: no type is named; {name} is for {height}x{width} pixels', 'current')
    return {**cfg, 'type': name}


def build_generator(cfg: dict):
    """Build a generator from its config, which :func:`with_type` completes."""
    return GENERATORS.build(with_type(cfg))
