"""How even the classes of a buffer are."""

from torch import Tensor

EMPTY = 1e-6  # samples; rounding may leave less than that of a class


def class_balance(counts: Tensor) -> dict[str, Tensor]:
    """Figures of the samples per class.

    Args:
        counts (Tensor): [K] float, samples of each class.

    Returns:
        dict: ``class_min`` and ``class_max``, samples of the smallest and the largest class;
        ``empty_classes``, how many have none; ``class_ratio``, largest over smallest, which is
        infinite if a class is empty. Tensors [], on the device of ``counts``.
    """
    empty = (counts < EMPTY).sum()
    smallest = counts.min().masked_fill(empty > 0, 0)
    return {
        'class_min': smallest,
        'class_max': counts.max(),
        'class_ratio': counts.max() / smallest,
        'empty_classes': empty,
    }
