"""Input-statistics loss: colours as the teacher's mean and std state them."""

from torch import Tensor, nn

from ssdkd.errors import ConfigError
from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
from ssdkd.losses.inversion.bn_statistics import BatchMoments
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class InputStatisticsLoss(BaseInversionLoss):
    r"""Distance of the batch's colours from the normalisation of the teacher's images.

    .. math:: \left\| \frac{\mu(x) - m}{s} \right\|_2
        + \left\| \frac{\sigma^2(x)}{s^2} - 1 \right\|_2

    with mean and variance of each channel over the batch and all pixels, a batch statistic.
    The teacher's mean m and standard deviation s are statistics of its training data, the only
    ones that a network without batch norm comes with. This is the batch-norm loss
    (DeepInversion, Yin et al. 2020, arXiv 1912.08795) of a layer at the input (*choice*).

    It needs an m and s that were measured on images: not 0.5 and 0.5, which only bring images
    to [-1, 1].

    Args:
        weight (float): Factor of this term. Defaults to 1.

    Raises:
        ConfigError: The teacher has no mean and std of its own.
    """

    def attach(self, teacher: nn.Module) -> None:
        if not (hasattr(teacher, 'mean') and hasattr(teacher, 'std')):
            raise ConfigError(
                'losses: InputStatisticsLoss needs the mean and std of one teacher, and '
                f'{type(teacher).__name__} has none; remove this loss (set it to None)'
            )
        self.register_buffer('mean', teacher.mean.detach().flatten(), persistent=False)
        self.register_buffer('std', teacher.std.detach().flatten(), persistent=False)

    def forward(self, state: InversionState) -> Tensor:
        mean, variance = BatchMoments.apply(state.images)
        distance = ((mean - self.mean) / self.std).norm()
        return distance + (variance / self.std.square() - 1).norm()
