"""Hand over the student as anyone can load it."""

import io
from pathlib import Path

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import BaseModel

from ssdkd.engine.atomic_backend import AtomicLocalBackend
from ssdkd.registry import HOOKS


@HOOKS.register_module()
class ExportHook(Hook):
    """Writes the trained network's own weights at the end of training.

    The file is a plain state dict that loads with ``load_state_dict`` into the network's own
    class (timm's, torchvision's, the user's) without this package. Images must be normalised
    with the mean and standard deviation of the config. A segmentor of mmseg gets mmseg's own
    checkpoint format instead, with the names and colours of the classes if there is a val set.

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
        if self.network is not None:
            network = getattr(network, self.network)
            network = getattr(network, 'module', network).model
        weights = {k: v.detach().cpu() for k, v in network.state_dict().items()}
        if isinstance(network, BaseModel):  # mmseg asks for this form
            weights = dict(state_dict=weights, meta=self._meta(runner))
        file = io.BytesIO()
        torch.save(weights, file)
        path = Path(runner.work_dir) / self.filename
        AtomicLocalBackend().put(file.getvalue(), path)
        runner.logger.info(f'The {path.stem} is exported to {path}.')

    @staticmethod
    def _meta(runner) -> dict:
        if runner.val_loop is None:
            return {}
        return dict(dataset_meta=dict(runner.val_loop.dataloader.dataset.metainfo))
