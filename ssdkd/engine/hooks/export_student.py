"""Export of the student as a plain state dict."""

from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook

from ssdkd.distillers import BaseDistiller
from ssdkd.engine.plain_weights import save_plain
from ssdkd.registry import HOOKS
from ssdkd.runs.files import ROLE, STUDENT


@HOOKS.register_module()
class ExportHook(Hook):
    """Writes the trained network's own weights at the end of training.

    Of a distiller with several students, each other one is written to ``<role>.pth``.

    The file is a plain state dict that loads with ``load_state_dict`` into the network's own
    class (timm's, torchvision's, the user's) without this package. Images must be normalised
    with the mean and standard deviation of the config. Class names are recorded in it, as
    :func:`ssdkd.models.recorded_classes` reads them: those of the training set, or those that
    the teacher's checkpoint records.

    A segmentor of mmseg gets what ``mmseg.apis.init_model(config, checkpoint)`` asks for: the
    checkpoint in mmseg's format and beside it ``<filename>_mmseg.py``, with the network, its
    normalisation, and the pipeline of the val set.

    Args:
        network (str, optional): Attribute of the model that holds the trained ``Network``;
            None is the model itself. Defaults to ``'student'``.
        filename (str): File in the work directory. Defaults to ``'student.pth'``.
    """

    def __init__(self, network: str | None = 'student', filename: str = STUDENT):
        self.network = network
        self.filename = filename

    @master_only
    def after_train(self, runner) -> None:
        model = getattr(runner.model, 'module', runner.model)
        network = model if self.network is None else getattr(model, self.network)
        networks = {self.filename: getattr(network, 'module', network)}
        if isinstance(model, BaseDistiller):
            networks |= {
                ROLE.format(name): model.part(name)
                for name, role in model.roles.items()
                if role.exported and name != self.network
            }
        meta = pipeline = None
        if runner.val_loop is not None:
            dataset = runner.val_loop.dataloader.dataset
            meta = dict(getattr(dataset, 'metainfo', {}))
            # A val set that was handed over as an object is in no config.
            loader = runner.cfg.get('val_dataloader') or {}
            pipeline = loader.get('dataset', {}).get('pipeline')
        # A distillation has no training set, but a teacher.
        classes = (getattr(runner.train_dataloader.dataset, 'metainfo', None) or {}).get(
            'classes'
        )
        classes = classes or getattr(model, 'classes', None)
        for filename, network in networks.items():
            path = Path(runner.work_dir) / filename
            save_plain(network, path, meta, pipeline, classes)
            runner.logger.info(f'The {path.stem} is exported to {path}.')
