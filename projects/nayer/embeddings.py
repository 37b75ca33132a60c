"""One vector a class: from a file that a text encoder made, or a stand-in without one."""

import hashlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ssdkd.errors import ConfigError

KEY = 'model.synthesizer.embeddings'


def load_embeddings(path: str, num_classes: int) -> Tensor:
    """Read the embeddings of a text encoder.

    Args:
        path: A ``.npy`` file with an array [K, E], or a ``.pt`` or ``.pth`` one with a tensor;
            row k belongs to class k.
        num_classes: K.

    Returns:
        Tensor: [K, E] float32.

    Raises:
        ConfigError: There is no such file, or it holds something else; the message says what.
    """
    name, file = f"{KEY}='{path}'", Path(path)
    if not file.is_file():
        raise ConfigError(f'{name}: no such file; leave the key out for built-in embeddings')
    if file.suffix not in ('.npy', '.pt', '.pth'):
        raise ConfigError(f"{name} must end in .npy, .pt or .pth, not '{file.suffix}'")
    try:
        if file.suffix == '.npy':
            rows = torch.from_numpy(np.load(file, allow_pickle=False))
        else:
            rows = torch.load(file, map_location='cpu', weights_only=True)
    except Exception as error:  # each format has errors of its own
        raise ConfigError(f'{name} cannot be read: {error}') from error
    if not isinstance(rows, Tensor):
        raise ConfigError(f'{name} holds a {type(rows).__name__}; save the tensor [K, E] alone')
    if rows.ndim != 2 or len(rows) != num_classes:
        raise ConfigError(
            f'{name} has shape {list(rows.shape)}, but must be [{num_classes}, E]: a row for '
            f'each of the {num_classes} classes'
        )
    rows = rows.detach().float()
    if not rows.isfinite().all():
        raise ConfigError(f'{name} has values that are not finite')
    if len(rows.unique(dim=0)) < num_classes:
        raise ConfigError(f'{name} has two equal rows, so their classes cannot be told apart')
    return rows


def name_embeddings(names: list[str], dim: int) -> Tensor:
    """Hashed n-grams (1 to 3) of the class names: names spelt alike are near each other.

    A stand-in for a text encoder, as far as spelling goes: it knows that a maple tree and an
    oak tree have something in common, but not that a cat is like a dog. N-grams are hashed to
    a place and a sign (Weinberger et al. 2009, arXiv 0902.2206), by SHA-256, so that they are
    the same everywhere.

    Args:
        names: Class names, all different.
        dim: E, at least 2.

    Returns:
        Tensor: [K, E] float32, rows of length 1.

    Raises:
        ConfigError: Two names are equal.
    """
    key = 'model.synthesizer.class_names'
    rows = torch.zeros(len(names), dim)
    for row, name in zip(rows, names):
        text = f'^{name}$'
        for n in (1, 2, 3):
            for start in range(len(text) - n + 1):
                code = hashlib.sha256(text[start : start + n].encode()).digest()
                sign = 1 if code[0] % 2 else -1
                row[int.from_bytes(code[1:9], 'big') % dim] += sign
    rows = F.normalize(rows)
    if len(rows.unique(dim=0)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ConfigError(f'{key}: {twice or "some"} cannot be told apart; names must differ')
    return rows


def number_embeddings(num_classes: int, dim: int) -> Tensor:
    """Orthogonal vectors [K, E] for classes without names; only random ones if K > E.

    That 1 and 10 share a digit would say nothing, so all are equally far from each other.
    """
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(num_classes, dim, generator=rng)
    return torch.linalg.qr(rows.T).Q.T.contiguous() if num_classes <= dim else rows
