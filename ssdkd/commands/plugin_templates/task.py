"""Say in a line what this task is for."""

from ssdkd.registry import TASKS
from ssdkd.tasks import Classification


@TASKS.register_module()
class PluginName(Classification):
    """Classification whose divergence also counts the reverse direction, half each."""

    def divergence(self, student, teacher, temperature):
        there = super().divergence(student, teacher, temperature)
        back = super().divergence(teacher, student, temperature)
        return (there + back) / 2
