"""Balance of a buffer: samples per class, and the teacher's confidence."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssdkd.buffers.classes import class_balance
from ssdkd.buffers.stored import StoredSamples, read_samples
from ssdkd.errors import ConfigError
from ssdkd.visualization.files import save_figure

CONFIDENCE_BINS = 20


@dataclass
class Balance:
    """What Figure 2 of SSD-KD (Liu et al. 2024, arXiv 2406.07876) shows of one buffer.

    Attributes:
        label: Name of the run.
        class_counts: [K], samples of each class.
        confidence: [n], the teacher's confidence on each sample, in [0, 1].
    """

    label: str
    class_counts: np.ndarray
    confidence: np.ndarray

    @property
    def ratio(self) -> float:
        """Largest class over smallest; infinite if a class is empty (as in the log)."""
        return float(class_balance(torch.from_numpy(self.class_counts))['class_ratio'])

    @property
    def worded_ratio(self) -> str:
        """The ratio, with the number of empty classes, if there are any."""
        empty = int(class_balance(torch.from_numpy(self.class_counts))['empty_classes'])
        classes = 'class' if empty == 1 else 'classes'
        return f'{self.ratio:.2f}' + f' ({empty} empty {classes})' * (empty > 0)

    def describe(self) -> str:
        """One line of figures."""
        return (
            f'{self.label}: {self.class_counts.sum():.0f} samples, smallest class '
            f'{self.class_counts.min():.0f}, largest class {self.class_counts.max():.0f}, '
            f'ratio {self.worded_ratio}, mean confidence {self.confidence.mean():.2f}'
        )


def read_balance(run: str | Path, label: str | None = None) -> Balance:
    """Read the balance of the buffer inside a checkpoint.

    Args:
        run: A work directory (its newest round is read) or a ``round_*.pth``.
        label: Name of the run; by default that of the work directory.

    Raises:
        ConfigError: There is no checkpoint, or it holds no filled buffer with class counts.
    """
    return balance_of(read_samples(run), label)


def balance_of(samples: StoredSamples, label: str | None = None) -> Balance:
    """The balance of samples that are read already; see :func:`read_balance`."""
    if not len(samples.class_counts):
        raise ConfigError(
            f"the buffer in '{samples.path}' has no classes: it stores samples without the "
            "teacher's predictions"
        )
    confidence = samples.columns['confidence'].float().numpy()
    counts = samples.class_counts.double().numpy()
    return Balance(label or samples.path.resolve().parent.name, counts, confidence)


def draw_class_counts(ax: Axes, balance: Balance, color: str = 'tab:blue') -> None:
    """Bars: samples of each class, by class index."""
    counts = balance.class_counts
    few = len(counts) <= 20
    ax.bar(range(len(counts)), counts, width=0.8 if few else 1.0, color=color)
    if few:
        ax.set_xticks(range(len(counts)))
    ax.set_title(f'largest / smallest class = {balance.worded_ratio}', fontsize='medium')
    ax.set_xlabel('class (index)')
    ax.set_ylabel('samples in the buffer')


def draw_confidence(ax: Axes, balance: Balance, color: str = 'tab:orange') -> None:
    """Histogram: how sure the teacher is of the samples."""
    confidence = balance.confidence
    ax.hist(
        confidence,
        bins=np.linspace(0, 1, CONFIDENCE_BINS + 1),
        color=color,
        weights=np.full(len(confidence), 100 / len(confidence)),
    )
    ax.set_title(f'mean confidence = {confidence.mean():.2f}', fontsize='medium')
    ax.set_xlim(0, 1)
    ax.set_xlabel("teacher's confidence (probability)")
    ax.set_ylabel('share of samples (%)')


def plot_balance(balances: list[Balance], path: str | Path) -> None:
    """Write Figure 2 of SSD-KD as an image: a row for each buffer, the same axes in all."""
    figure = Figure(figsize=(9, 0.4 + 3 * len(balances)), layout='constrained')
    grid = figure.subplots(len(balances), 2, sharex='col', sharey='col', squeeze=False)
    for row, balance in zip(grid, balances):
        draw_class_counts(row[0], balance)
        draw_confidence(row[1], balance)
        for ax in row:
            ax.tick_params(labelbottom=True)
            ax.set_title(f'{balance.label}: {ax.get_title()}', fontsize='medium')
    save_figure(figure, path)
