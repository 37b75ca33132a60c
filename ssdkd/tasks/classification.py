"""Image classification: one label per image."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ssdkd.registry import TASKS
from ssdkd.tasks.base import BaseTask, TaskOutput


def kl_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """``T^2 KL(softmax(teacher / T) || softmax(student / T))`` over dimension 1.

    The factor T^2 keeps the gradient's size independent of the temperature (Hinton et al.
    2015, arXiv 1503.02531). Computed in float32 whatever the logits' type.

    Args:
        student: Logits [N, K, ...].
        teacher: Logits of the same shape.
        temperature: T > 0.

    Returns:
        Tensor: [N, ...] >= 0.
    """
    log_p = F.log_softmax(teacher.float() / temperature, dim=1)
    log_q = F.log_softmax(student.float() / temperature, dim=1)
    return (log_p.exp() * (log_p - log_q)).sum(dim=1) * temperature**2


@TASKS.register_module()
class Classification(BaseTask):
    """Classification: logits [N, K], one class per image, KL between class distributions."""

    logits_form = '[N, K]'

    @torch.no_grad()
    def classify(self, logits: Tensor) -> TaskOutput:
        confidence, label = logits.float().softmax(dim=1).max(dim=1)
        share = F.one_hot(label, self.num_classes).float()
        return TaskOutput(share, label, confidence)

    def divergence(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        return kl_divergence(student, teacher, temperature)

    def class_prior(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits.float(), targets, reduction='none')

    @torch.no_grad()
    def agreement(self, student: Tensor, teacher: Tensor) -> Tensor:
        return (student.argmax(dim=1) == teacher.argmax(dim=1)).float()

    def predict(self, logits: Tensor, data_samples) -> list[dict[str, Tensor]]:
        """The whole batch in one piece, ``[dict(logits=[N, K])]``."""
        return [dict(logits=logits.float())]
