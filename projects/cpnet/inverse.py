"""The inverse of the teacher's classifier: features for labels."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssdkd.errors import ConfigError

SMOOTHING = 0.1  # of the labels, the authors'
LEAST = 0.1  # singular value, the authors'


def find_classifier(teacher: nn.Module, num_classes: int) -> str:
    """Name of the last linear layer with an output for each class.

    Raises:
        ConfigError: There is none.
    """
    found = [
        name
        for name, layer in teacher.named_modules()
        if isinstance(layer, nn.Linear) and layer.out_features == num_classes
    ]
    if not found:
        raise ConfigError(
            f'model.teacher: CPNet needs a linear layer with {num_classes} outputs, whose '
            'inverse it feeds to the generator; this teacher has none'
        )
    return found[-1]


class ClassifierInverse(nn.Module):
    r"""Features that a linear classifier answers with given logits.

    For logits :math:`W f + b` the features of class k are those of least length with
    logits :math:`\delta e_k`, where :math:`\delta = \ln((1 - \epsilon)(K - 1) / \epsilon)`
    makes the softmax the label with smoothing :math:`\epsilon` = 0.1:

    .. math:: f_k = W^+ (\delta e_k - b)

    :math:`W^+` is the pseudo-inverse; singular values below 0.1 count as 0.1.

    Args:
        classifier (nn.Linear): With K outputs and D inputs.
    """

    def __init__(self, classifier: nn.Linear):
        super().__init__()
        weight = classifier.weight.detach().double()
        bias = torch.zeros(len(weight)) if classifier.bias is None else classifier.bias.detach()
        u, s, vh = torch.linalg.svd(weight, full_matrices=False)
        inverse = vh.T @ torch.diag(1 / s.clamp_min(LEAST)) @ u.T
        delta = math.log((1 - SMOOTHING) * (len(weight) - 1) / SMOOTHING)
        labels = delta * torch.eye(len(weight), dtype=torch.float64) - bias.double()
        self.register_buffer('weight', classifier.weight.detach().clone())
        self.register_buffer('bias', bias.clone())
        self.register_buffer('features', (labels @ inverse.T).float())  # [K, D]
        # Along it all logits rise alike, which leaves the probabilities as they are.
        self.register_buffer('idle', inverse.sum(dim=1).float())  # [D]

    def logits(self, features: Tensor) -> Tensor:
        """The classifier's answer [N, K] to features [N, D]."""
        return F.linear(features, self.weight, self.bias)

    def alignment(self, features: Tensor, targets: Tensor) -> Tensor:
        """How far features differ from their label's along the idle direction, [N] in [0, 1].

        The absolute cosine between that difference and the direction: 0 where the whole
        difference is one that changes probabilities.

        Args:
            features: [N, D], what enters the teacher's classifier.
            targets: [N] int64, the classes that were asked for.
        """
        difference = features - self.features[targets]
        return F.cosine_similarity(difference, self.idle.expand_as(difference)).abs()
