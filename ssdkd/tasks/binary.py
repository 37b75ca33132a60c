"""Binary classification by one logit."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ssdkd.errors import ConfigError
from ssdkd.registry import TASKS
from ssdkd.tasks.base import BaseTask, TaskOutput
from ssdkd.tasks.classification import kl_divergence


@TASKS.register_module()
class BinaryClassification(BaseTask):
    r"""Two classes and one logit z: the probability of class 1 is :math:`\sigma(z)`.

    :math:`\sigma(z)` is the softmax of the two logits (0, z), so all is that of a
    classification with these: the divergence is

    .. math:: T^2\, \mathrm{KL}(\mathrm{Bernoulli}(\sigma(z_t / T)) \Vert
        \mathrm{Bernoulli}(\sigma(z_s / T)))

    the class prior the binary cross entropy, and the class 1 where z > 0.

    Args:
        num_classes (int): 2, the negative class 0 and the positive class 1. Defaults to 2.

    Raises:
        ConfigError: ``num_classes`` is another number.
    """

    logits_form = '[N, 1]'
    exclusive = False
    outputs = 1

    def __init__(self, num_classes: int = 2):
        if num_classes != 2:
            raise ConfigError(
                f'model.task.num_classes={num_classes!r}, but BinaryClassification has 2 '
                'classes, negative and positive, though its networks have one output; set it '
                'to 2'
            )
        super().__init__(num_classes)

    def misfit(self, outputs: int) -> str:
        several = (
            "with two, a softmax chooses: use type='Classification' (task='classification' in "
            "distill()); for independent labels, type='MultiLabelClassification' "
            "(task='multilabel' in distill())"
        )
        return f'has {outputs} outputs, but BinaryClassification reads one logit; {several}'

    def outcomes(self, logits: Tensor) -> Tensor:
        """The logits (0, z) of both classes, [N, 2]."""
        return torch.cat([torch.zeros_like(logits), logits], dim=1)

    @torch.no_grad()
    def classify(self, logits: Tensor) -> TaskOutput:
        confidence, label = self.outcomes(logits.float()).softmax(dim=1).max(dim=1)
        return TaskOutput(F.one_hot(label, 2).float(), label, confidence)

    def divergence(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        return kl_divergence(self.outcomes(student), self.outcomes(teacher), temperature)

    def class_prior(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(self.outcomes(logits.float()), targets, reduction='none')

    @torch.no_grad()
    def agreement(self, student: Tensor, teacher: Tensor) -> Tensor:
        return ((student > 0) == (teacher > 0)).float()[:, 0]

    def predict(self, logits: Tensor, data_samples) -> list[dict[str, Tensor]]:
        """The whole batch in one piece, with a logit for each class, as ``Accuracy`` reads it.

        The threshold is a probability of 0.5.
        """
        return [dict(logits=self.outcomes(logits.float()))]
