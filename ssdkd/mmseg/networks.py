"""Networks of mmsegmentation, by config."""

import importlib.util
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import BaseModel
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS
from ssdkd.synchronised import without_synchronised


@MODELS.register_module('mmseg')
def mmseg_model(
    config: str | None = None,
    model: dict | None = None,
    num_classes: int | None = None,
    auxiliary_head: bool = False,
    channels_last: bool = False,
    pretrained: bool = True,
) -> nn.Module:
    """Build a segmentor of mmsegmentation, such as an ``EncoderDecoder``.

    Called without a mode it returns the logits of its main head. Its state dict is mmseg's
    own, so a trained student loads into plain mmseg.

    Args:
        config (str, optional): A config file of mmseg; its ``model`` is used; the name
            ``'mmseg::deeplabv3/deeplabv3_r50-d8_4xb4-40k_voc12aug-512x512.py'`` means one of
            those that mmseg brings.
        model (dict, optional): The model's config; with ``config`` it changes parts of it.
        num_classes (int, optional): Number of classes of all heads. Defaults to the config's.
        auxiliary_head (bool): Keep the auxiliary heads, which only mmseg's own training uses.
            Defaults to False.
        channels_last (bool): Keep the weights in the channels-last memory format, in which
            convolutions on a CPU run faster. Defaults to False.
        pretrained (bool): Let the config ask for pretrained weights of the backbone; they are
            no use where a checkpoint follows. Defaults to True.

    Raises:
        ConfigError: mmseg is missing, the config cannot be read, or the model not be built.
    """
    cfg = mmseg_config(config, model)
    if num_classes is not None:
        for head in _as_list(cfg.get('decode_head')) + _as_list(cfg.get('auxiliary_head')):
            head.update(num_classes=num_classes, out_channels=None)
    if not auxiliary_head:
        cfg.pop('auxiliary_head', None)
    if not pretrained:
        forget_pretrained(cfg)
    try:
        from mmseg.registry import MODELS as MMSEG_MODELS

        network = MMSEG_MODELS.build(dict(cfg, _scope_='mmseg'))
    except ImportError as error:
        raise ConfigError(
            f"model: type 'mmseg' needs mmsegmentation ({error}); run pip install 'ssdkd[seg]'"
        ) from error
    except OSError as error:  # timm's has no text
        keys = ('pretrained', 'pretrained_cfg_overlay', 'init_cfg')
        asked = {key: cfg.backbone[key] for key in keys if cfg.backbone.get(key)}
        raise ConfigError(
            f"model: type 'mmseg': the pretrained weights of the backbone, {asked}, cannot be "
            f'loaded ({error!r}); name a local file, or set pretrained to False'
        ) from error
    except (KeyError, TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise ConfigError(f"model: type 'mmseg': {error}") from error
    # Synchronised batch norm wants an accelerator; in one process it is batch norm.
    network = without_synchronised(network)
    network.cfg = cfg  # for those who want to build the same again, without this package
    return network.to(memory_format=torch.channels_last) if channels_last else network


def mmseg_config(config: str | None = None, model: dict | None = None) -> ConfigDict:
    """The model config that the arguments of :func:`mmseg_model` name."""
    if config is None and model is None:
        raise ConfigError("model: type 'mmseg' needs config= (a file) or model= (a dict)")
    base = {}
    if config is not None:
        try:
            base = Config.fromfile(_file_of(config)).model
        except (OSError, KeyError, AttributeError, ValueError, SyntaxError) as error:
            raise ConfigError(
                f"model: type 'mmseg': config '{config}' cannot be read: {error}"
            ) from error
    cfg = Config(dict(model=base))
    cfg.merge_from_dict(dict(model=model or {}))
    return cfg.model


def is_mmseg_config(model: object) -> bool:
    """Whether this is the config of a network that :func:`mmseg_model` builds."""
    return isinstance(model, dict) and model.get('type') == 'mmseg'


def is_mmseg_model(network: nn.Module) -> bool:
    """Whether this network came from :func:`mmseg_model`, so that mmseg can build it again."""
    return isinstance(network, BaseModel) and hasattr(network, 'cfg')


def num_outputs(network: nn.Module) -> int | None:
    """The number of classes that a segmentor states; None for other networks."""
    return network.num_classes if isinstance(network, BaseModel) else None


def without_pretrained(model: object) -> object:
    """The config of a network; one of mmseg does not load pretrained backbone weights."""
    return {**model, 'pretrained': False} if is_mmseg_config(model) else model


def forget_pretrained(cfg: dict) -> None:
    """Remove the pretrained backbone weights from a model's config, in place."""
    cfg.pop('pretrained', None)
    backbone = cfg['backbone']
    for key in ('init_cfg', 'pretrained', 'pretrained_cfg_overlay'):
        backbone.pop(key, None)
    if backbone['type'] == 'TIMMBackbone':
        backbone['pretrained'] = False  # its default is True


def _file_of(config: str) -> str:
    """The file of a config, or of ``'<library>::<config that it brings>'``.

    mmengine's own ``get_config`` needs setuptools < 81, and installs absent libraries unasked.
    """
    library, separator, name = config.partition('::')
    if not separator:
        return config
    spec = importlib.util.find_spec(library)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"model: type 'mmseg': config '{config}' is of {library}, which is not installed"
        )
    return str(Path(spec.origin).parent / '.mim/configs' / name)


def normalisation_of(model: object) -> tuple[list[float] | None, list[float] | None]:
    """Mean and std for images in [0, 1] that a model's config states, otherwise None and None.

    Only those of mmseg do, in their data preprocessor, for pixels in [0, 255].

    Args:
        model (dict | nn.Module | None): What stands under ``model`` in a network's config.

    Raises:
        ConfigError: The network was trained on BGR images; ours are RGB.
    """
    if not is_mmseg_config(model):
        return None, None
    cfg = mmseg_config(model.get('config'), model.get('model'))
    preprocessor = cfg.get('data_preprocessor') or {}
    if preprocessor.get('mean') is None:
        return None, None
    if not preprocessor.get('bgr_to_rgb'):
        raise ConfigError(
            "model: type 'mmseg': data_preprocessor.bgr_to_rgb is not True, so the network "
            'reads BGR images, but synthetic images are RGB; choose one trained on RGB'
        )
    mean, std = ([value / 255 for value in preprocessor[key]] for key in ('mean', 'std'))
    return mean, std


def _as_list(head) -> list:
    if head is None:
        return []
    return list(head) if isinstance(head, list | tuple) else [head]
