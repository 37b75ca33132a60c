"""Networks with their own normalisation: trainable ones, and the frozen teacher."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ssdkd.checks import check_int, is_number
from ssdkd.errors import ConfigError
from ssdkd.mmseg import normalisation_of, without_pretrained
from ssdkd.models.channels import image_channels
from ssdkd.models.checkpoint import load_weights, recorded_classes
from ssdkd.models.folding import Folding, fold
from ssdkd.models.logits import LogitsReader
from ssdkd.models.normalisation import stated_normalisation
from ssdkd.models.prepare import prepared
from ssdkd.models.probabilities import ends_in_sigmoid, log_odds
from ssdkd.models.saved import is_saved
from ssdkd.models.sound import check_weights
from ssdkd.models.zoo import asks_for_weights
from ssdkd.registry import MODELS

# Of mean and std for images in [0, 1]; those of pixels up to 255 are far above it.
LARGEST = 2


@MODELS.register_module()
class Network(nn.Module):
    """A network with its own normalisation, so that images are in [0, 1] everywhere else.

    The state dict has the keys ``model.*`` only; ``network.model`` is the plain network.
    ``network.classes`` are the class names in the order of the outputs if the checkpoint
    records them, otherwise None. ``network.unset`` names what of mean and std nobody states.
    With ``network.gives_probabilities``, which the distiller sets, the logarithm of the plain
    network's output is returned; with ``network.gives_sigmoids``, see :meth:`take_log_odds`,
    log(p / (1 - p)) of it. ``network.reader`` says what is taken of what it returns.
    ``network.channels`` is C of the images.

    Args:
        model (dict | nn.Module): The network, or its config in the registry MODELS. Of an
            ``nn.DataParallel``, the network inside; in float32, see :func:`prepared`.
        mean (float | Sequence[float], optional): Per channel, subtracted first. Defaults to
            that of the pretrained weights that the config of mmseg, timm or torchvision asks
            for, otherwise to 0.
        std (Sequence[float], optional): Per channel, divided by. Defaults likewise, otherwise
            to 1.
        checkpoint (str, optional): File with the network's weights; see
            :func:`ssdkd.models.load_weights`. Without one, networks of mmseg and other
            mmengine libraries initialise themselves as their configs say.
        role (str): Whose weights to take if that file is a checkpoint of a distillation.
            Defaults to ``'student'``.
        checkpoint_key (str, optional): Where the weights lie in that file, such as
            ``'state_dict_ema'``. Defaults to None: see :func:`load_weights`.
        output (str | int, optional): Key, attribute or index of the logits in what the plain
            network returns, or the import path of a function of it that gives them. Defaults
            to None: the rules of :class:`LogitsReader`, such as ``logits`` of a Hugging Face
            ``ModelOutput`` and the first element of a tuple.
        channels (int, optional): C of the images. Defaults to None: as many as mean and std
            have numbers, otherwise those of its first convolution; see :func:`image_channels`.

    Raises:
        ConfigError: The weights do not load or are not finite, or mean and std are not one
            number or one for each channel, those of std above 0; later, at a pass, that the
            logits in what the plain network returns are ambiguous.
    """

    def __init__(
        self,
        model: dict | nn.Module,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        checkpoint: str | None = None,
        role: str = 'student',
        checkpoint_key: str | None = None,
        output: str | int | None = None,
        channels: int | None = None,
    ):
        super().__init__()
        check_int('network', 1, optional=True, channels=channels)
        if checkpoint is not None:
            model = without_pretrained(model)
        self.model = prepared(model if isinstance(model, nn.Module) else MODELS.build(model))
        if mean is None and std is None:
            mean, std = stated_normalisation(model)
        self.unset = [key for key, value in (('mean', mean), ('std', std)) if value is None]
        self.gives_probabilities = self.gives_sigmoids = False
        self.reader = LogitsReader(type(self.model).__name__, output)
        # Not in the state dict: they belong to the config, and users want plain weights.
        mean, std = _numbers('mean', mean, 0.0), _numbers('std', std, 1.0)
        several = [len(values) for values in (mean, std) if len(values) > 1]
        self.channels = channels or (several[0] if several else image_channels(self.model))
        for key, values in (('mean', mean), ('std', std)):
            if len(values) not in (1, self.channels):
                raise ConfigError(
                    f"network: key '{key}' is {values}, but the images have {self.channels} "
                    'channels; give one number, or one for each channel'
                )
            numbers = torch.tensor(values).reshape(1, -1, 1, 1)
            self.register_buffer(key, numbers, persistent=False)
        self.classes = None
        if checkpoint is not None:
            load_weights(self.model, checkpoint, role=role, key=checkpoint_key)
            self.classes = recorded_classes(checkpoint)
        else:
            if isinstance(self.model, BaseModule) and not is_saved(model):
                _initialise(self.model)
            check_weights(self.model, type(self.model).__name__)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] in [0, 1] to the logits [N, K] or [N, K, H, W].

        The logits of a segmentor that are smaller than the image are enlarged to it.
        """
        logits = self.reader(self.model((images - self.mean) / self.std), images)
        if logits.ndim == 4 and logits.shape[2:] != images.shape[2:]:
            # As the network's own library does it, where the network says how.
            corners = getattr(self.model, 'align_corners', False)
            logits = F.interpolate(
                logits, images.shape[2:], mode='bilinear', align_corners=corners
            )
        if self.gives_probabilities:
            logits = logits.clamp_min(torch.finfo(logits.dtype).tiny).log()
        return log_odds(logits) if self.gives_sigmoids else logits

    def take_log_odds(self, size: Sequence[int]) -> bool:
        """Give logits from now on if the outputs are those of a sigmoid -> whether they are.

        For tasks whose classes do not exclude each other.

        Args:
            size: (H, W) of the images that it takes.
        """
        self.gives_sigmoids = False
        image = torch.zeros(1, self.channels, *size, device=device_of(self))
        self.gives_sigmoids = ends_in_sigmoid(self, image)
        return self.gives_sigmoids


@MODELS.register_module()
class Teacher(Network):
    """A trained network that never changes: no gradients, always in evaluation mode.

    Args:
        model (dict | nn.Module): The network, or its config in the registry MODELS.
        mean (Sequence[float], optional): Per channel, subtracted first. Defaults to 0.
        std (Sequence[float], optional): Per channel, divided by. Defaults to 1.
        checkpoint (str, optional): File with the network's weights. Needed unless ``model``
            is a module already, or its config names a ``SavedModule`` or asks for pretrained
            weights.
        checkpoint_key (str, optional): Where the weights lie in that file; see ``Network``.
        output (str | int, optional): Where the logits are in what it returns; see ``Network``.
        channels (int, optional): C of the images; see ``Network``.

    Raises:
        ConfigError: Nothing says where the trained weights are.
    """

    def __init__(
        self,
        model: dict | nn.Module,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        checkpoint: str | None = None,
        checkpoint_key: str | None = None,
        output: str | int | None = None,
        channels: int | None = None,
    ):
        has_weights = not isinstance(model, dict) or is_saved(model) or asks_for_weights(model)
        if checkpoint is None and not has_weights:
            raise ConfigError(
                "teacher: key 'checkpoint' is None, so its weights would be random; "
                'give the file with the trained weights'
            )
        super().__init__(
            model,
            mean,
            std,
            checkpoint,
            checkpoint_key=checkpoint_key,
            output=output,
            channels=channels,
        )
        self.requires_grad_(False)
        self.eval()
        self._folding: Folding | None = None  # no submodule: state dicts stay as they are
        self._changed = False

    def fold(
        self, images: Tensor, run: Callable[[nn.Module, Tensor], Sequence[Tensor]]
    ) -> None:
        """Let :attr:`answering` be a copy without batch norms where that changes no answer.

        Args:
            images: See :func:`ssdkd.models.folding.fold`.
            run: Likewise.
        """
        self._folding = fold(self, images, run)

    @property
    def answering(self) -> nn.Module:
        """The network for passes that need its answers alone, no gradients of statistics.

        A :class:`Folding` after :meth:`fold`, which takes less time, otherwise itself.
        """
        if self._folding is None:
            return self
        if self._changed:
            self._folding.update(self)
            self._changed = False
        return self._folding.network

    def _apply(self, fn: Callable, recurse: bool = True) -> 'Teacher':
        if self._folding is not None:
            self._folding.network._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        self._changed = True
        super()._load_from_state_dict(*args, **kwargs)

    def train(self, mode: bool = True) -> 'Teacher':
        """Stay in evaluation mode, whatever a parent module asks for."""
        return super().train(False)


def student_config(student: dict, teacher: dict) -> dict:
    """The student's config, for the teacher's images, normalised alike unless it says how.

    Args:
        student: Config of a ``Network``.
        teacher: Config of the ``Teacher`` beside it.

    Raises:
        ConfigError: The student's config states one of mean and std without the other.
    """
    own = {key: student.get(key) for key in ('mean', 'std')}
    unset = [key for key, value in own.items() if value is None]
    if len(unset) == 1:  # half its own and half the teacher's would be neither's
        (given,) = own.keys() - unset
        raise ConfigError(
            f"student: key '{unset[0]}' is None, but '{given}' is {own[given]}; give both, or "
            "neither to take the teacher's"
        )
    stated = (
        tuple(own.values()),
        normalisation_of(student.get('model')),
        (teacher.get('mean'), teacher.get('std')),
        stated_normalisation(teacher.get('model')),
    )
    mean, std = next((pair for pair in stated if pair != (None, None)), (None, None))
    channels = {'channels': teacher['channels']} if teacher.get('channels') else {}
    return {'type': 'Network', **channels, **student, 'mean': mean, 'std': std}


def _initialise(model: BaseModule) -> None:
    """What mmengine's modules wait for; it may ask for pretrained weights."""
    try:
        model.init_weights()
    except OSError as error:  # those of files, and of failed downloads
        raise ConfigError(
            "network: the pretrained weights that its config's init_cfg names cannot be loaded "
            f'({type(error).__name__}: {error}); set that init_cfg (or pretrained) to None, or '
            'name a local file'
        ) from error


def channels_of(network: nn.Module) -> int:
    """Channels of the images that a network takes: those of the first ``Network`` in it."""
    return next((m.channels for m in network.modules() if isinstance(m, Network)), 3)


def device_of(network: nn.Module) -> torch.device:
    """The device of a network that is on one; a frozen TorchScript has no parameters."""
    return next(chain(network.parameters(), network.buffers())).device


def _numbers(key: str, values: float | Sequence[float] | None, default: float) -> list[float]:
    values = [default] if values is None else values
    values = [values] if is_number(values) else values
    values = values.flatten().tolist() if isinstance(values, np.ndarray | Tensor) else values
    allowed = '(0, inf)' if key == 'std' else '(-inf, inf)'
    if (
        not isinstance(values, Sequence)
        or not values
        or not all(is_number(value, allowed) for value in values)
    ):
        raise ConfigError(
            f"network: key '{key}' is {values}; give one number, or one for each channel, for "
            'images in [0, 1]' + (', all above 0' if key == 'std' else '')
        )
    if any(value > LARGEST for value in values):
        raise ConfigError(
            f"network: key '{key}' is {values}, which is for images up to 255, but ours are in "
            '[0, 1]; divide by 255, both mean and std'
        )
    return [float(value) for value in values]
