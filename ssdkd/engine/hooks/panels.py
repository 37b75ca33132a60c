"""Pictures of segmentations beside the teacher's and the ground truth."""

from pathlib import Path

import numpy as np
from mmengine.hooks import Hook
from PIL import Image

from ssdkd.models import device_of
from ssdkd.registry import HOOKS, MODELS
from ssdkd.visualization import colourise, save_panel


@HOOKS.register_module()
class PanelHook(Hook):
    """Writes image, prediction, teacher and ground truth of each test image side by side.

    Args:
        out_dir (str): Folder of the pictures; each has the name of its image.
        teacher (dict, optional): Config of a ``Predictor``. Defaults to None: no teacher.
    """

    def __init__(self, out_dir: str, teacher: dict | None = None):
        self.out_dir = Path(out_dir)
        self.teacher = None if teacher is None else MODELS.build(teacher).eval()

    def before_test(self, runner) -> None:
        if self.teacher is not None:
            self.teacher.to(device_of(runner.model))

    def after_test_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        palette = runner.test_loop.dataloader.dataset.metainfo['palette']
        columns = {'prediction': outputs}
        if self.teacher is not None:
            columns['teacher'] = self.teacher.test_step(data_batch)
        for i, sample in enumerate(outputs):
            pictures = {'image': np.asarray(Image.open(sample.img_path).convert('RGB'))}
            for name, samples in columns.items():
                labels = samples[i].pred_sem_seg.data[0].cpu().numpy()
                pictures[name] = colourise(labels, palette)
            truth = sample.gt_sem_seg.data[0].cpu().numpy()
            pictures['ground truth'] = colourise(truth, palette)
            save_panel(pictures, self.out_dir / f'{Path(sample.img_path).stem}.png')
