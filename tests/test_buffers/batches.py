"""Batches to fill buffers with, and what a buffer is compared with."""

import io

import torch

K = 4


def make_batch(n, fractional=False, seed=0, side=2):
    """Random images, class shares over K classes (one-hot or histograms) and confidences."""
    rng = torch.Generator().manual_seed(seed)
    if fractional:
        share = torch.rand(n, K, generator=rng).softmax(1)
    else:
        share = torch.eye(K)[torch.randint(K, (n,), generator=rng)]
    return dict(
        image=torch.rand(n, 3, side, side, generator=rng),
        class_share=share,
        confidence=torch.rand(n, generator=rng),
    )


def recount(buffer):
    """The class counts, from the rows."""
    return buffer.columns['class_share'][: len(buffer)].double().sum(0)


def saved(state):
    """What comes back from a checkpoint."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)
