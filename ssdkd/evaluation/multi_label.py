"""Scores of multi-label classification."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric

from ssdkd.errors import ConfigError
from ssdkd.registry import METRICS


@METRICS.register_module()
class MultiLabelScores(BaseMetric):
    """Mean average precision and F1 over the labels, in percent.

    ``mAP`` is the mean over the labels of the average precision of their logits, and ``f1`` the
    mean of F1 at a probability of 0.5, both of scikit-learn. Labels that no image has are left
    out of both. Logits that are NaN count as the least likely.

    Args:
        collect_device (str): Where ranks of several processes are gathered, ``'cpu'`` or
            ``'gpu'``. Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names, as ``prefix/mAP``. Defaults to None.
    """

    default_prefix = ''  # mmengine warns about a metric without one

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Store logits and labels of every image.

        Args:
            data_batch (dict): Its ``data_samples`` are the labels [N, L], 0 or 1.
            data_samples (Sequence[dict]): One dict with the batch's ``logits`` [N, L].

        Raises:
            ConfigError: The labels have another shape.
        """
        logits = data_samples[0]['logits'].detach().float().cpu()
        labels = torch.as_tensor(data_batch['data_samples']).cpu()
        if labels.shape != logits.shape:
            raise ConfigError(
                f'MultiLabelScores: the labels of a batch have shape {list(labels.shape)}, and '
                f'the logits {list(logits.shape)}; give a 0 or a 1 for each image and label'
            )
        self.results.extend(zip(logits.numpy(), labels.bool().numpy()))

    def compute_metrics(self, results: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
        """Return ``{'mAP': percent, 'f1': percent}``."""
        from sklearn.metrics import average_precision_score, f1_score

        logits, labels = (np.stack(part) for part in zip(*results))
        logits = np.nan_to_num(logits, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        logits = np.clip(logits, np.finfo(np.float32).min, np.finfo(np.float32).max)
        seen = labels.any(axis=0)
        if not seen.any():
            warnings.warn('MultiLabelScores: no image has a label', stacklevel=2)
            return dict(mAP=float('nan'), f1=float('nan'))
        logits, labels = logits[:, seen], labels[:, seen]
        precision = average_precision_score(labels, logits, average='macro')
        f1 = f1_score(labels, logits > 0, average='macro', zero_division=0)
        return dict(mAP=100 * float(precision), f1=100 * float(f1))
