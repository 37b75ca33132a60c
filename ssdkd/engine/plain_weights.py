"""A network's own weights, as anyone can load them without this package."""

import copy
import io
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import nn

from ssdkd.atomic import write_whole
from ssdkd.models import Network
from ssdkd.models.segmentors import forget_pretrained

# Steps of a val pipeline that bring the labels; a user's images have none.
LABEL_STEPS = ('LoadAnnotations', 'ssdkd.CheckLabels')


def save_plain(
    network: nn.Module,
    path: Path,
    meta: dict | None = None,
    pipeline: list[dict] | None = None,
    classes: Sequence[str] | None = None,
) -> None:
    """Write a plain state dict, or what ``mmseg.apis.init_model(config, checkpoint)`` asks for.

    For a segmentor of mmseg that is the checkpoint in mmseg's format and beside it
    ``<path's stem>_mmseg.py``, with the network, its normalisation, and the pipeline.

    Args:
        network (nn.Module): A ``Network``, of which the plain network is written, or a plain
            network.
        path (Path): File to write.
        meta (dict, optional): mmseg's ``dataset_meta``: class names and palette.
        pipeline (list[dict], optional): Pipeline of mmseg's val set; its label steps are left
            out. Defaults to None: images as they are.
        classes (Sequence[str], optional): Class names in the order of the outputs, for a plain
            state dict: it gets them as ``_metadata``, torch's place for what is no weight, so
            that it loads as before. Defaults to None: unknown.
    """
    preprocessor, config = {}, None
    if isinstance(network, Network):
        preprocessor = dict(
            mean=(255 * network.mean).flatten().tolist(),
            std=(255 * network.std).flatten().tolist(),
        )
        network = network.model
    weights = OrderedDict((k, v.detach().cpu()) for k, v in network.state_dict().items())
    if classes:
        weights._metadata = {'': dict(classes=list(classes))}
    # mmseg can build it again only by the config that ssdkd.models.mmseg_model leaves on it.
    if isinstance(network, BaseModel) and hasattr(network, 'cfg'):
        weights = dict(state_dict=weights, meta={} if meta is None else dict(dataset_meta=meta))
        config = _mmseg_config(network, preprocessor, pipeline)
    file = io.BytesIO()
    torch.save(weights, file)
    write_whole(path, file.getvalue())
    if config is not None:
        write_whole(path.with_name(f'{path.stem}_mmseg.py'), config.pretty_text)


def _mmseg_config(network: BaseModel, preprocessor: dict, pipeline: list | None) -> Config:
    model = copy.deepcopy(network.cfg)
    forget_pretrained(model)  # the checkpoint holds all weights
    model.data_preprocessor = dict(
        model.get('data_preprocessor') or dict(type='SegDataPreProcessor', bgr_to_rgb=True)
    )
    model.data_preprocessor.update(preprocessor)
    if pipeline is None:
        pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    pipeline = [step for step in pipeline if step['type'] not in LABEL_STEPS]
    return Config(dict(default_scope='mmseg', model=model, test_pipeline=pipeline))
