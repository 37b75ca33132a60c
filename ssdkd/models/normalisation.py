"""Mean and std that the library of a network states for its pretrained weights."""

from typing import Any

from mmengine.logging import print_log
from torch import nn

from ssdkd.mmseg import normalisation_of

Normalisation = tuple[list[float] | None, list[float] | None]


def stated_normalisation(model: dict | nn.Module | None) -> Normalisation:
    """Mean and std for images in [0, 1] that belong to a network, otherwise None and None.

    They are read from the data preprocessor of mmseg, from timm's ``pretrained_cfg`` and from
    the transforms of torchvision's weights. The last two only count if the config asks for
    these weights: a network with weights of its own may have been trained otherwise.

    Args:
        model (dict | nn.Module | None): What stands under ``model`` in a network's config.

    Raises:
        ConfigError: The network was trained on BGR images; ours are RGB.
    """
    kind = model.get('type') if isinstance(model, dict) else None
    found: Normalisation = (None, None)
    if kind == 'timm' and model.get('pretrained'):
        found = _of_timm(**model)
    elif kind == 'torchvision' and isinstance(model.get('weights'), str):
        found = _of_torchvision(model['name'], model['weights'])
    if found == (None, None):
        return normalisation_of(model)
    print_log(
        f"{kind} '{model['name']}': mean={found[0]}, std={found[1]} of its pretrained weights",
        'current',
    )
    return found


def _of_timm(
    name: str,
    pretrained_cfg: str | dict | None = None,
    pretrained_cfg_overlay: dict | None = None,
    **others: Any,
) -> Normalisation:
    """What the ``pretrained_cfg`` of the network says that timm builds of these arguments."""
    from timm.models import create_model, resolve_pretrained_cfg, split_model_name_tag

    overlay = pretrained_cfg_overlay
    try:
        if ':' in name:  # a hub or folder brings a config of its own
            cfg = create_model(name, pretrained_cfg_overlay=overlay).pretrained_cfg
        else:
            name, tag = split_model_name_tag(name)
            cfg = resolve_pretrained_cfg(name, pretrained_cfg or tag, overlay).to_dict()
        return list(cfg['mean']), list(cfg['std'])
    except Exception:  # an unknown tag or key, which building the network will name
        return None, None


def _of_torchvision(name: str, weights: str) -> Normalisation:
    from torchvision import models

    try:
        known = models.get_model_weights(name)
        preset = known[weights.rpartition('.')[2]].transforms()
    except (KeyError, ValueError):  # unknown ones, which building the network will name
        return None, None
    return list(preset.mean), list(preset.std)
