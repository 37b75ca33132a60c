"""Semantic segmentation: one label per pixel, summarised for each image."""

import math

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from torch import Tensor

from ssdkd.checks import check_number
from ssdkd.mmseg import DATA_PREPROCESSOR, is_installed
from ssdkd.registry import TASKS
from ssdkd.tasks.base import BaseTask, TaskOutput
from ssdkd.tasks.classification import kl_divergence


@TASKS.register_module()
class Segmentation(BaseTask):
    """Segmentation: logits [N, K, H, W]; everything is a mean over an image's pixels.

    SSD-KD (Liu et al., CVPR 2024, arXiv 2406.07876) with pixels: the class share is the
    histogram of predicted classes, confidence and divergence are pixel means
    (docs/method.md, "Segmentation").

    The class prior asks an image to *show* the requested class, not to consist of it:
    ``-log`` of that class's mean probability over the pixels (*choice*; the paper is silent).

    Args:
        num_classes (int): Number of classes K, at least 2. Of a network with one output and a
            sigmoid, ``output`` must make two: foreground and background are two classes.
        min_confidence (float): Threshold in [0, 1). Pixels with a lower confidence of the
            teacher do not count in the divergence; an image with only such pixels has
            divergence 0. Defaults to 0: all pixels count.

    Raises:
        ConfigError: ``min_confidence`` is outside [0, 1).
    """

    data_preprocessor = DATA_PREPROCESSOR
    logits_form = '[N, K, H, W]'
    cases = 'pixels'

    def __init__(self, num_classes: int, min_confidence: float = 0.0):
        super().__init__(num_classes)
        check_number('model.task', '[0, 1)', min_confidence=min_confidence)
        self.min_confidence = min_confidence
        if not is_installed():  # networks train without it, val sets need it
            self.data_preprocessor = None

    def misfit(self, outputs: int) -> str:
        if outputs != 1:
            return super().misfit(outputs)
        return (
            'has 1 output, but foreground and background are two classes: let output= name a '
            'function that returns the logits (0, z) of both, torch.cat([0 * z, z], 1)'
        )

    @torch.no_grad()
    def classify(self, logits: Tensor) -> TaskOutput:
        confidence, label = logits.float().softmax(dim=1).flatten(2).max(dim=1)
        # Counted in ones, which float32 adds exactly; one-hot pixels would take K times more.
        counts = confidence.new_zeros(len(label), self.num_classes)
        counts.scatter_add_(1, label, torch.ones_like(confidence))
        share = counts / label.shape[1]
        return TaskOutput(share, share.argmax(dim=1), confidence.mean(dim=1))

    def divergence(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        divergence = kl_divergence(student, teacher, temperature).flatten(1)
        if not self.min_confidence:
            return divergence.mean(dim=1)
        confidence = teacher.detach().float().softmax(dim=1).amax(dim=1).flatten(1)
        sure = confidence >= self.min_confidence
        return (divergence * sure).sum(dim=1) / sure.sum(dim=1).clamp_min(1)

    def class_prior(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_p = F.log_softmax(logits.float(), dim=1).flatten(2)
        wanted = log_p[torch.arange(len(targets), device=targets.device), targets]
        return math.log(wanted.shape[1]) - wanted.logsumexp(dim=1)

    @torch.no_grad()
    def agreement(self, student: Tensor, teacher: Tensor) -> Tensor:
        return (student.argmax(dim=1) == teacher.argmax(dim=1)).float().flatten(1).mean(dim=1)

    @torch.no_grad()
    def predict(self, logits: Tensor, data_samples: list) -> list:
        """Write ``pred_sem_seg``, in the original size of each image, as mmseg does."""
        for one, sample in zip(logits, data_samples):
            one = F.interpolate(one[None].float(), sample.ori_shape, mode='bilinear')
            sample.set_field(PixelData(data=one.argmax(dim=1)), 'pred_sem_seg', PixelData)
        return data_samples
