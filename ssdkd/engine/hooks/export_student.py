"""Hand over the student as anyone can load it."""

import copy
import io
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import BaseModel

from ssdkd.engine.atomic_backend import AtomicLocalBackend
from ssdkd.models.segmentors import forget_pretrained
from ssdkd.registry import HOOKS

# Steps of a val pipeline that bring the labels; a user's images have none.
LABEL_STEPS = ('LoadAnnotations', 'ssdkd.CheckLabels')


@HOOKS.register_module()
class ExportHook(Hook):
    """Writes the trained network's own weights at the end of training.

    The file is a plain state dict that loads with ``load_state_dict`` into the network's own
    class (timm's, torchvision's, the user's) without this package. Images must be normalised
    with the mean and standard deviation of the config.

    A segmentor of mmseg gets what ``mmseg.apis.init_model(config, checkpoint)`` asks for: the
    checkpoint in mmseg's format and beside it ``<filename>_mmseg.py``, with the network, its
    normalisation, and the pipeline of the val set.

    Args:
        network (str, optional): Attribute of the model that holds the trained ``Network``;
            None is the model itself. Defaults to ``'student'``.
        filename (str): File in the work directory. Defaults to ``'student.pth'``.
    """

    def __init__(self, network: str | None = 'student', filename: str = 'student.pth'):
        self.network = network
        self.filename = filename

    @master_only
    def after_train(self, runner) -> None:
        network = getattr(runner.model, 'module', runner.model)
        preprocessor = {}
        if self.network is not None:
            wrapper = getattr(network, self.network)
            wrapper = getattr(wrapper, 'module', wrapper)
            network = wrapper.model
            preprocessor = dict(
                mean=(255 * wrapper.mean).flatten().tolist(),
                std=(255 * wrapper.std).flatten().tolist(),
            )
        path = Path(runner.work_dir) / self.filename
        weights = {k: v.detach().cpu() for k, v in network.state_dict().items()}
        if isinstance(network, BaseModel):
            weights = dict(state_dict=weights, meta=self._meta(runner))
            config = self._mmseg_config(runner, network, preprocessor)
            config.dump(path.with_name(f'{path.stem}_mmseg.py'))
        file = io.BytesIO()
        torch.save(weights, file)
        AtomicLocalBackend().put(file.getvalue(), path)
        runner.logger.info(f'The {path.stem} is exported to {path}.')

    @staticmethod
    def _meta(runner) -> dict:
        if runner.val_loop is None:
            return {}
        return dict(dataset_meta=dict(runner.val_loop.dataloader.dataset.metainfo))

    @staticmethod
    def _mmseg_config(runner, network: BaseModel, preprocessor: dict) -> Config:
        model = copy.deepcopy(network.cfg)
        forget_pretrained(model)  # the checkpoint holds all weights
        model.data_preprocessor = dict(
            model.get('data_preprocessor') or dict(type='SegDataPreProcessor', bgr_to_rgb=True)
        )
        model.data_preprocessor.update(preprocessor)
        pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
        if runner.val_loop is not None:
            dataset = runner.cfg.val_dataloader.dataset
            pipeline = [s for s in dataset.pipeline if s['type'] not in LABEL_STEPS]
        return Config(dict(default_scope='mmseg', model=model, test_pipeline=pipeline))
