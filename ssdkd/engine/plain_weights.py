"""Plain state dicts, which load without this package."""

import io
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from ssdkd.atomic import write_whole
from ssdkd.mmseg import init_model_files, is_mmseg_model
from ssdkd.models import Network


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
        network (nn.Module): A ``Network`` (its plain network is written) or a plain
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
    if is_mmseg_model(network):
        weights, config = init_model_files(network, weights, preprocessor, meta, pipeline)
    file = io.BytesIO()
    torch.save(weights, file)
    write_whole(path, file.getvalue())
    if config is not None:
        write_whole(path.with_name(f'{path.stem}_mmseg.py'), config.pretty_text)
