"""Excite the features that the teacher classifies by."""

import torch
from torch import Tensor, nn

from ssdkd.errors import ConfigError
from ssdkd.losses.base import BaseInversionLoss, InversionState
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class ActivationLoss(BaseInversionLoss):
    r"""Negative mean magnitude of the features before the teacher's classifier.

    .. math:: -\frac{1}{C} \sum_c |h_c(x)|

    per sample, in segmentation also over the pixels of the feature map (DAFL, Chen et al.
    2019, arXiv 1904.01186): a network answers images like those it has learnt more
    strongly than others.

    Args:
        weight (float): Factor of this term. Defaults to 0.1, as in DAFL's code.
        layer (str, optional): Name of the classifier in the teacher's network, such as
            ``'classifier.4'``. Defaults to the linear layer or 1x1 convolution that runs last,
            which is not the classifier where an auxiliary head runs after it.
    """

    def __init__(self, weight: float = 0.1, layer: str | None = None):
        super().__init__(weight)
        self.layer = layer
        self._features: Tensor | None = None

    def attach(self, teacher: nn.Module) -> None:
        for layer in self._candidates(getattr(teacher, 'model', teacher)):
            layer.register_forward_pre_hook(self._record)

    def _candidates(self, network: nn.Module) -> list[nn.Module]:
        if self.layer is not None:
            try:
                return [network.get_submodule(self.layer)]
            except AttributeError as error:
                raise ConfigError(
                    f"losses: ActivationLoss: layer='{self.layer}' is not in the teacher; name "
                    'its classifier'
                ) from error
        layers = [m for m in network.modules() if isinstance(m, nn.Linear) or is_1x1(m)]
        if not layers:
            raise ConfigError(
                'losses: ActivationLoss finds no linear layer and no 1x1 convolution in the '
                'teacher; name its classifier in layer'
            )
        return layers

    def _record(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        # Distillation runs the teacher without gradients; no features are wanted then.
        if torch.is_grad_enabled():
            self._features = inputs[0]  # of the latest layer only

    def forward(self, state: InversionState) -> Tensor:
        features, self._features = self._features, None
        return -features.float().abs().flatten(1).mean(dim=1)


def is_1x1(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1)
