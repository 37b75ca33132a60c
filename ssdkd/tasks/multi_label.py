"""Multi-label classification: any number of labels per image."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ssdkd.registry import TASKS
from ssdkd.tasks.base import BaseTask, TaskOutput
from ssdkd.tasks.classification import kl_divergence


@TASKS.register_module()
class MultiLabelClassification(BaseTask):
    r"""Independent labels: the probability of label l is :math:`\sigma(z_l)`, logits [N, L].

    The divergence is the mean over the labels of the binary ones (*choice*: the mean and not
    the sum, so that one learning rate serves any number of labels),

    .. math:: \frac{T^2}{L} \sum_l \mathrm{KL}(\mathrm{Bernoulli}(\sigma(z_{t,l} / T)) \Vert
        \mathrm{Bernoulli}(\sigma(z_{s,l} / T)))

    as binary divergences per label teach more than one softmax over the labels (Yang et al.
    2023, "Multi-Label Knowledge Distillation", arXiv 2308.06453). Confidence is the mean of
    :math:`\max(\sigma(z_l), 1 - \sigma(z_l))`, and agreement the share of labels that both
    networks decide alike at a probability of 0.5.

    *choice*: the labels that the teacher sees in an image share its class share equally, so
    that the buffer counts how often each label occurs. An image without a label counts for the
    most likely one, as every image must count once. The class prior asks that the requested
    label be there, :math:`-\log \sigma(z_y)`, and leaves the others free.

    Args:
        num_classes (int): Number of labels L, at least 2.
    """

    logits_form = '[N, K]'
    exclusive = False
    cases = 'labels'

    def outcomes(self, logits: Tensor) -> Tensor:
        """The logits (0, z) of absence and presence of each label, [N, 2, L]."""
        return torch.stack([torch.zeros_like(logits), logits], dim=1)

    @torch.no_grad()
    def classify(self, logits: Tensor) -> TaskOutput:
        logits = logits.float()
        label = logits.argmax(dim=1)
        seen = (logits > 0).float() + F.one_hot(label, self.num_classes)
        seen.clamp_max_(1)
        confidence = torch.sigmoid(logits.abs()).mean(dim=1)
        return TaskOutput(seen / seen.sum(dim=1, keepdim=True), label, confidence)

    def divergence(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        student, teacher = self.outcomes(student), self.outcomes(teacher)
        return kl_divergence(student, teacher, temperature).mean(dim=1)

    def class_prior(self, logits: Tensor, targets: Tensor) -> Tensor:
        return -F.logsigmoid(logits.float().gather(1, targets[:, None])[:, 0])

    def log_mean_share(self, logits: Tensor) -> Tensor:
        """Of how often each label occurs in the batch, [L]."""
        log_p = F.logsigmoid(logits.float()).logsumexp(dim=0)
        return log_p - log_p.logsumexp(dim=0)

    @torch.no_grad()
    def agreement(self, student: Tensor, teacher: Tensor) -> Tensor:
        return ((student > 0) == (teacher > 0)).float().mean(dim=1)

    def predict(self, logits: Tensor, data_samples) -> list[dict[str, Tensor]]:
        """The whole batch in one piece, ``[dict(logits=[N, L])]``."""
        return [dict(logits=logits.float())]
