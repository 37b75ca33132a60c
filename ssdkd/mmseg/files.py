"""Config and checkpoint for ``mmseg.apis.init_model(config, checkpoint)``."""

import copy

from mmengine.config import Config
from mmengine.model import BaseModel

from ssdkd.mmseg.networks import forget_pretrained

# Steps of a val pipeline that bring the labels; a user's images have none.
LABEL_STEPS = ('LoadAnnotations', 'ssdkd.CheckLabels')


def init_model_files(
    network: BaseModel,
    weights: dict,
    preprocessor: dict,
    meta: dict | None = None,
    pipeline: list[dict] | None = None,
) -> tuple[dict, Config]:
    """The checkpoint and the config of a segmentor, as mmseg reads them.

    Args:
        network: A segmentor from :func:`ssdkd.mmseg.mmseg_model`.
        weights: Its state dict.
        preprocessor: Mean and std for pixels in [0, 255]; empty: those of its own config.
        meta: mmseg's ``dataset_meta``: class names and palette.
        pipeline: Pipeline of mmseg's val set; its label steps are left out. Defaults to None:
            images as they are.
    """
    model = copy.deepcopy(network.cfg)
    forget_pretrained(model)  # the checkpoint holds all weights
    model.data_preprocessor = dict(
        model.get('data_preprocessor') or dict(type='SegDataPreProcessor', bgr_to_rgb=True)
    )
    model.data_preprocessor.update(preprocessor)
    if pipeline is None:
        pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    pipeline = [step for step in pipeline if step['type'] not in LABEL_STEPS]
    config = Config(dict(default_scope='mmseg', model=model, test_pipeline=pipeline))
    checkpoint = dict(state_dict=weights, meta={} if meta is None else dict(dataset_meta=meta))
    return checkpoint, config
