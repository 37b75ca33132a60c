"""Activation loss: large features before the classifier."""

from torch import Tensor, nn

from ssdkd.errors import ConfigError
from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
from ssdkd.models.layer_inputs import LayerInputs
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

    _inputs: LayerInputs | None = None

    def __init__(self, weight: float = 0.1, layer: str | None = None):
        super().__init__(weight)
        self.layer = layer

    def attach(self, teacher: nn.Module) -> None:
        names = self._candidates(getattr(teacher, 'model', teacher))
        prefix = 'model.' if hasattr(teacher, 'model') else ''
        self._inputs = LayerInputs(
            'losses: ActivationLoss', teacher, [prefix + n for n in names], latest=True
        )

    def detach(self) -> None:
        if self._inputs is not None:
            self._inputs.close()

    def _candidates(self, network: nn.Module) -> list[str]:
        if self.layer is not None:
            try:
                network.get_submodule(self.layer)
            except AttributeError as error:
                raise ConfigError(
                    f"losses: ActivationLoss: layer='{self.layer}' is not in the teacher; name "
                    'its classifier'
                ) from error
            return [self.layer]
        names = [n for n, m in network.named_modules() if is_linear(m) or is_1x1(m)]
        if not names:
            raise ConfigError(
                'losses: ActivationLoss finds no linear layer and no 1x1 convolution in the '
                'teacher; name its classifier in layer'
            )
        return names

    def forward(self, state: InversionState) -> Tensor:
        ((_, features),) = self._inputs.take()
        return -features.float().abs().flatten(1).mean(dim=1)


def is_linear(module: nn.Module) -> bool:
    # Those of TorchScript are found, too, so that LayerInputs refuses them.
    return isinstance(module, nn.Linear) or getattr(module, 'original_name', '') == 'Linear'


def is_1x1(module: nn.Module) -> bool:
    if getattr(module, 'original_name', '') == 'Conv2d':  # of TorchScript, of any size
        return True
    return isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1)
