"""Batch-norm loss: statistics of the teacher's batch-norm layers."""

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

from ssdkd.checks import check_bool, check_number
from ssdkd.errors import ConfigError
from ssdkd.losses.inversion.base import BaseInversionLoss, InversionState
from ssdkd.models.layer_inputs import LayerInputs
from ssdkd.registry import LOSSES

INSTEAD = (
    'take --method ssdkd_without_bn, or as base of your config '
    "'ssdkd::_base_/methods/ssdkd_without_bn.py', whose priors do without, or set this loss to "
    'None'
)


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

    over every batch-norm layer l (DeepInversion, Yin et al. 2020, arXiv 1912.08795): every
    layer with ``running_mean`` and ``running_var``, frozen and synchronised ones too. With
    ``momentum`` m > 0, an average over rounds stands for the batch's own statistics,
    ``m * average + (1 - m) * batch`` (Fast, Fang et al. 2022, arXiv 2112.12568); the
    average takes in the last batch of each round and is part of the checkpoint.

    A layer that is called several times in a pass counts with the mean, over its calls, of each
    call's mean and variance (*choice*): that is what training gathers in its running
    statistics, which take in each call alike, whatever its size. The variance over all calls
    together would be another number, as it contains how far the calls' means lie apart. A layer
    that is not called is left out, and the log names it once.

    Args:
        weight (float): Factor of this term. Defaults to 10.
        momentum (float): m in [0, 1); 0 uses the raw batch statistics. Defaults to 0.
        relative (bool): Measure the mean's distance in standard deviations of its channel and
            the variance's in variances (*choice*). In networks whose variances differ by orders
            of magnitude, such as EfficientNet-Lite, a few channels would otherwise be all that
            counts. Defaults to False, the formula above.
    """

    _inputs: LayerInputs | None = None

    def __init__(self, weight: float = 10.0, momentum: float = 0.0, relative: bool = False):
        super().__init__(weight)
        check_number(self, '[0, 1)', momentum=momentum)
        check_bool(self, relative=relative)
        self.momentum = momentum
        self.relative = relative
        self._named: set[str] = set()

    def attach(self, teacher: nn.Module) -> None:
        names = [name for name, layer in teacher.named_modules() if has_statistics(layer)]
        if not names:
            raise ConfigError(
                'losses: a BNStatisticsLoss is asked for, but the teacher has no batch-norm '
                f'layer with running statistics; {INSTEAD}'
            )
        # No module, so the layers stay the teacher's.
        self._inputs = LayerInputs('losses: BNStatisticsLoss', teacher, names, instead=INSTEAD)
        if self.momentum:
            channels = sum(m.running_mean.numel() for m in self._inputs.layers.values())
            self.register_buffer('average', torch.zeros(2, channels))
            self.register_buffer('started', torch.zeros(()))

    def detach(self) -> None:
        if self._inputs is not None:
            self._inputs.close()

    def forward(self, state: InversionState) -> Tensor:
        layers = self._inputs.layers
        # In the layers' order, whatever that of the calls, as the average is laid out.
        means, variances = zip(*self._moments(layers))
        batch = torch.stack([torch.cat(means), torch.cat(variances)])
        if self.momentum:
            self._latest = batch.detach()
            m = self.momentum * self.started  # the first round has no average yet
            batch = m * self.average + (1 - m) * batch
        running = torch.stack(
            [
                torch.cat([m.running_mean for m in layers.values()]),
                torch.cat([m.running_var for m in layers.values()]),
            ]
        )
        difference = batch - running
        if self.relative:
            variance = torch.cat(
                [m.running_var + getattr(m, 'eps', 1e-5) for m in layers.values()]
            )
            difference = difference / torch.stack([variance.sqrt(), variance])
        # One norm per layer and statistic, all from one flat difference.
        sizes = [len(mean) for mean in means]
        return sum(part.norm(dim=1).sum() for part in difference.split(sizes, 1))

    def _moments(self, layers: dict[str, nn.Module]) -> list[tuple[Tensor, Tensor]]:
        """Mean and variance [C] of what entered each layer in the teacher's latest pass."""
        inputs: dict[str, list[Tensor]] = {name: [] for name in layers}
        for name, x in self._inputs.take():
            inputs[name].append(x)
        self._name_left_out([name for name, calls in inputs.items() if not calls])
        return [self._layer_moments(name, layers[name], inputs[name]) for name in layers]

    def _layer_moments(
        self, name: str, layer: nn.Module, calls: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        if not calls:  # left out: nothing differs from its statistics
            return layer.running_mean, layer.running_var
        if any(x.ndim < 2 or x.shape[1] != len(layer.running_mean) for x in calls):
            shapes = ', '.join(str(list(x.shape)) for x in calls)
            raise ConfigError(
                f"losses: BNStatisticsLoss: the teacher's layer '{name}' remembers "
                f'{len(layer.running_mean)} channels, but the second dimension of its input is '
                f'another ({shapes}); remove this loss (set it to None)'
            )
        moments = [BatchMoments.apply(x) for x in calls]
        if len(moments) == 1:
            return moments[0]
        means, variances = zip(*moments)
        return torch.stack(means).mean(0), torch.stack(variances).mean(0)

    def _name_left_out(self, names: list[str]) -> None:
        new = [name for name in names if name not in self._named]
        if new:
            self._named.update(new)
            print_log(
                'BNStatisticsLoss leaves out batch-norm layers of the teacher that its pass '
                f'does not call: {", ".join(new)}',
                'current',
            )

    def end_phase(self) -> None:
        if self.momentum:
            m = self.momentum * self.started
            self.average.copy_(m * self.average + (1 - m) * self._latest)
            self.started.fill_(1)


def has_statistics(layer: nn.Module) -> bool:
    """Whether a layer has a running mean and variance per channel, as a batch norm does.

    By its buffers and not by its class: libraries have batch norms of their own, frozen ones
    for example. Instance norms remember another variance, that within an image.

    Args:
        layer (nn.Module): Any module.
    """
    mean, variance = (getattr(layer, f'running_{name}', None) for name in ('mean', 'var'))
    return (
        isinstance(mean, Tensor)
        and isinstance(variance, Tensor)
        and mean.ndim == 1
        and mean.shape == variance.shape
        and not isinstance(layer, _InstanceNorm)
    )
