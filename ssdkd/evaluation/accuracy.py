"""Classification accuracy."""

from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric

from ssdkd.checks import is_int
from ssdkd.errors import ConfigError
from ssdkd.registry import METRICS


@METRICS.register_module()
class Accuracy(BaseMetric):
    """Share of images, in percent, whose class is among the k largest logits.

    Reports ``accuracy`` for k = 1 and ``top{k}`` for every other k. Logits with a NaN count
    as wrong.

    Args:
        topk (Sequence[int]): The values of k. Defaults to (1,).
        collect_device (str): Where ranks of several processes are gathered, ``'cpu'`` or
            ``'gpu'``. Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names, as ``prefix/accuracy``. Defaults to None.

    Raises:
        ConfigError: ``topk`` is not made of positive integers.
    """

    default_prefix = ''  # mmengine warns about a metric without one

    def __init__(
        self,
        topk: Sequence[int] = (1,),
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ):
        super().__init__(collect_device, prefix)
        numbers = isinstance(topk, Sequence) and all(is_int(k) and k > 0 for k in topk)
        if not numbers or not topk:
            raise ConfigError(f"Accuracy: key 'topk' is {topk}; give ints above 0, as (1, 5)")
        self.topk = tuple(topk)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Store the rank of every image's true class.

        Args:
            data_batch (dict): Its ``data_samples`` are the labels [N].
            data_samples (Sequence[dict]): One dict with the batch's ``logits`` [N, K].
        """
        logits = data_samples[0]['logits']
        labels = torch.as_tensor(data_batch['data_samples']).to(logits.device)
        worst = max(self.topk)
        # topk, not a count of larger logits, which would reward a network of equal logits.
        hits = logits.topk(min(worst, logits.shape[1])).indices == labels[:, None]
        ranks = torch.where(hits.any(1), hits.int().argmax(1), worst)
        ranks[logits.isnan().any(1)] = worst
        self.results.extend(ranks.tolist())

    def compute_metrics(self, results: list[int]) -> dict[str, float]:
        """Return ``{'accuracy': percent}`` and ``{'top5': percent}`` and the like."""
        ranks = torch.tensor(results)
        return {
            'accuracy' if k == 1 else f'top{k}': 100 * (ranks < k).double().mean().item()
            for k in self.topk
        }
