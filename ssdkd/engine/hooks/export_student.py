"""Hand over the student as anyone can load it."""

import io
from pathlib import Path

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook

from ssdkd.engine.atomic_backend import AtomicLocalBackend
from ssdkd.registry import HOOKS


@HOOKS.register_module()
class ExportHook(Hook):
    """Writes the trained network's plain state dict at the end of training.

    The file loads with ``load_state_dict`` into the network's own class (timm's,
    torchvision's, the user's) without this package. Images must be normalised with the mean
    and standard deviation of the config.

    Args:
        network (str): Attribute of the model that holds the trained ``Network``. Defaults to
            ``'student'``.
        filename (str): File in the work directory. Defaults to ``'student.pth'``.
    """

    def __init__(self, network: str = 'student', filename: str = 'student.pth'):
        self.network = network
        self.filename = filename

    @master_only
    def after_train(self, runner) -> None:
        model = getattr(runner.model, 'module', runner.model)
        network = getattr(model, self.network)
        network = getattr(network, 'module', network).model
        weights = {k: v.detach().cpu() for k, v in network.state_dict().items()}
        file = io.BytesIO()
        torch.save(weights, file)
        path = Path(runner.work_dir) / self.filename
        AtomicLocalBackend().put(file.getvalue(), path)
        runner.logger.info(f'The {self.network} is exported to {path}.')
