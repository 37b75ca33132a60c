"""Say in a line what this distillation term is for."""

from ssdkd.losses import BaseDistillationLoss
from ssdkd.registry import LOSSES


@LOSSES.register_module()
class PluginName(BaseDistillationLoss):
    """Mean squared difference of the logits, per sample."""

    def forward(self, student_logits, teacher_logits, task):
        difference = student_logits.float() - teacher_logits.float()
        return difference.square().flatten(1).mean(dim=1)
