"""Match the statistics that the teacher's batch-norm layers remember of its data."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ssdkd.checks import check_bool, check_number
from ssdkd.errors import ConfigError
from ssdkd.losses.base import BaseInversionLoss, InversionState
from ssdkd.registry import LOSSES


class BatchMoments(torch.autograd.Function):
    """Mean and variance of each channel over all other dimensions, in float32.

    The same as ``torch.var_mean(x, dims, correction=0)``, with one pass over x each way: on
    a CPU, autograd's own takes three times as long, as long as the network itself.
    """

    @staticmethod
    def forward(ctx, x: Tensor) -> tuple[Tensor, Tensor]:
        values = x.float()
        dims = [d for d in range(x.ndim) if d != 1]
        mean = values.mean(dims)
        ctx.save_for_backward(x, mean)
        return mean, (values * values).mean(dims) - mean * mean

    @staticmethod
    def backward(ctx, grad_mean: Tensor, grad_variance: Tensor) -> Tensor:
        x, mean = ctx.saved_tensors
        shape = (1, -1) + (1,) * (x.ndim - 2)
        n = x.numel() // x.shape[1]
        slope = 2 / n * grad_variance
        offset = grad_mean / n - slope * mean
        # In float32: where the mean is far from 0, the two terms nearly cancel.
        return torch.addcmul(offset.view(shape), x.float(), slope.view(shape)).to(x.dtype)


@LOSSES.register_module()
class BNStatisticsLoss(BaseInversionLoss):
    r"""Distance between batch statistics and the teacher's running batch-norm statistics.

    .. math:: \sum_l \|\mu_l(x) - \mu_l\|_2 + \|\sigma^2_l(x) - \sigma^2_l\|_2

    over every batch-norm layer l (DeepInversion, Yin et al. 2020, arXiv 1912.08795). With
    ``momentum`` m > 0, an average over rounds stands for the batch's own statistics,
    ``m * average + (1 - m) * batch`` (Fast, Fang et al. 2022, arXiv 2112.12568); the
    average takes in the last batch of each round and is part of the checkpoint.

    Args:
        weight (float): Factor of this term. Defaults to 10.
        momentum (float): m in [0, 1); 0 uses the raw batch statistics. Defaults to 0.
        relative (bool): Measure the mean's distance in standard deviations of its channel and
            the variance's in variances (*choice*). In networks whose variances differ by orders
            of magnitude, such as EfficientNet-Lite, a few channels would else be all that
            counts. Defaults to False, the formula above.
    """

    def __init__(self, weight: float = 10.0, momentum: float = 0.0, relative: bool = False):
        super().__init__(weight)
        check_number(self, '[0, 1)', momentum=momentum)
        check_bool(self, relative=relative)
        self.momentum = momentum
        self.relative = relative
        self._targets: list[tuple[Tensor, Tensor]] = []
        self._inputs: list[Tensor] = []
        self._sizes: list[int] = []

    def attach(self, teacher: nn.Module) -> None:
        layers = [
            m
            for m in teacher.modules()
            if isinstance(m, _BatchNorm) and m.running_mean is not None
        ]
        if not layers:
            raise ConfigError(
                'losses: a BNStatisticsLoss is asked for, but the teacher has no batch-norm '
                'layer with running statistics; remove this loss (set it to None) and rely '
                'on the class prior and the image priors'
            )
        # A plain list, not a ModuleList: the layers stay the teacher's.
        self._layers = layers
        self._sizes = [m.num_features for m in layers]
        for layer in layers:
            layer.register_forward_pre_hook(self._record)
        if self.momentum:
            self.register_buffer('average', torch.zeros(2, sum(self._sizes)))
            self.register_buffer('started', torch.zeros(()))

    def _record(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        # Distillation runs the teacher without gradients; there is nothing to match then.
        if torch.is_grad_enabled():
            if len(self._inputs) == len(self._layers):
                self._inputs.clear()  # of an earlier pass, whose loss nobody asked for
            self._inputs.append(inputs[0])

    def forward(self, state: InversionState) -> Tensor:
        means, variances = zip(*(BatchMoments.apply(x) for x in self._inputs))
        self._inputs.clear()
        batch = torch.stack([torch.cat(means), torch.cat(variances)])
        if self.momentum:
            self._latest = batch.detach()
            m = self.momentum * self.started  # the first round has no average yet
            batch = m * self.average + (1 - m) * batch
        running = torch.stack(
            [
                torch.cat([m.running_mean for m in self._layers]),
                torch.cat([m.running_var for m in self._layers]),
            ]
        )
        difference = batch - running
        if self.relative:
            variance = torch.cat([m.running_var + m.eps for m in self._layers])
            difference = difference / torch.stack([variance.sqrt(), variance])
        # One norm a layer and statistic, all from one flat difference.
        return sum(part.norm(dim=1).sum() for part in difference.split(self._sizes, 1))

    def end_phase(self) -> None:
        if self.momentum:
            m = self.momentum * self.started
            self.average.copy_(m * self.average + (1 - m) * self._latest)
            self.started.fill_(1)
