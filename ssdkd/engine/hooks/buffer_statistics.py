"""Statistics of the buffer: balance, difficulty and importance weights."""

import math

import torch
from mmengine.hooks import Hook

from ssdkd.buffers import BaseBuffer
from ssdkd.buffers.classes import class_balance
from ssdkd.checks import check_int
from ssdkd.registry import HOOKS

EARLY = 3  # rounds that train the student, before the first look at the classes


def buffer_statistics(buffer: BaseBuffer) -> dict[str, float]:
    """Figures of a filled buffer.

    Returns:
        dict: ``samples``; what :func:`ssdkd.buffers.classes.class_balance` gives, whose
        ``class_ratio`` is infinite if a class is empty; ``confidence``, mean of the teacher's;
        ``weight_mean`` and ``weight_max`` of the importance weights; ``priority_entropy``, of
        the priorities as a distribution, divided by that of the uniform one: 1 is uniform, 0
        a single sample. Figures of classes and of confidence are absent if the buffer has
        none (``needs_facts``).
    """
    columns = {k: v[: len(buffer)] for k, v in buffer.columns.items()}
    p = columns['priority'].double()
    p = p / p.sum()
    entropy = -(p * p.clamp_min(1e-30).log()).sum() / math.log(max(len(p), 2))
    values = {}
    if buffer.needs_facts:
        values = class_balance(buffer.class_counts)
        values['confidence'] = columns['confidence'].mean()
    values |= {
        'weight_mean': columns['weight'].mean(),
        'weight_max': columns['weight'].max(),
        'priority_entropy': entropy,
    }
    # Stacked, so that the host waits for the device once.
    numbers = torch.stack([value.double() for value in values.values()]).tolist()
    return {'samples': float(len(buffer))} | dict(zip(values, numbers))


def collapse(counts: list[float]) -> str | None:
    """What is wrong with the classes of a buffer, in words; None if nothing is.

    Args:
        counts: Samples per class, which may be shares of images in segmentation.
    """
    total, classes = sum(counts), len(counts)
    if classes < 2 or total < 2 * classes:  # too few samples to tell
        return None
    largest = max(counts) / total
    missing = [str(k) for k, n in enumerate(counts) if n < total / classes / 100]
    if largest > 1 - 0.2 / classes:
        return f'{largest:.0%} of the samples are of class {counts.index(max(counts))}'
    if len(missing) > classes / 2:
        shown = ', '.join(missing[:10]) + ', ...' * (len(missing) > 10)
        return f'{len(missing)} of {classes} classes have hardly any samples ({shown})'
    return None


@HOOKS.register_module()
class BufferStatisticsHook(Hook):
    """Logs the buffer every few rounds, and as scalars to every visualizer backend.

    It warns if the teacher sees one class in nearly all samples, or misses most classes: first
    after :data:`EARLY` rounds that train the student.

    The log and the backends (JSON always, TensorBoard when asked) get the figures of
    :func:`buffer_statistics` and, if the buffer knows them, the histogram of the teacher's
    confidence in ten bins and the count of each class.

    Args:
        interval (int): Rounds between two looks. Defaults to 10.
        max_classes (int): With more classes than these their counts are left out. Defaults
            to 100.
    """

    priority = 'LOW'

    def __init__(self, interval: int = 10, max_classes: int = 100):
        check_int(self, 1, interval=interval)
        check_int(self, 0, max_classes=max_classes)
        self.interval = interval
        self.max_classes = max_classes

    def after_train_epoch(self, runner) -> None:
        due = self.every_n_epochs(runner, self.interval) or self.is_last_train_epoch(runner)
        buffer = getattr(runner.model, 'module', runner.model).buffer
        early = runner.epoch + 1 == runner.train_loop.warmup_rounds + EARLY
        if (early or due) and len(buffer) and buffer.needs_facts:
            self._warn(runner, buffer)
        if not due or not len(buffer):
            return
        values = buffer_statistics(buffer)
        # JSON has no infinity, which an empty class makes of the ratio.
        scalars = {f'buffer/{k}': v for k, v in values.items() if math.isfinite(v)}
        lines = ['  '.join(f'{k}: {v:.4g}' for k, v in values.items())]
        if buffer.needs_facts:
            confidence = buffer.columns['confidence'][: len(buffer)].float().cpu()
            bins = torch.histc(confidence, 10, 0, 1).tolist()
            scalars |= {f'buffer/confidence_bin_{i}': n for i, n in enumerate(bins)}
            lines.append('confidence in tenths: ' + ' '.join(f'{n:.0f}' for n in bins))
        counts = buffer.class_counts.tolist()
        if 0 < len(counts) <= self.max_classes:
            scalars |= {f'buffer/class_{k}': n for k, n in enumerate(counts)}
            lines.append('samples per class: ' + ' '.join(f'{n:.0f}' for n in counts))
        for line in lines:
            runner.logger.info(f'Buffer  {line}')
        runner.visualizer.add_scalars(scalars, step=runner.epoch + 1)

    @staticmethod
    def _warn(runner, buffer: BaseBuffer) -> None:
        wrong = collapse(buffer.class_counts.tolist())
        if wrong:
            runner.logger.warning(
                f'The samples have collapsed: {wrong}, by the teacher. A student learns little '
                'from them. Look at samples/ in the work directory; a wrong mean or std of the '
                'teacher, an inversion without batch-norm term, or a learning rate of the '
                'generator that is too high are common causes'
            )
