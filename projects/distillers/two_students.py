"""Two students that learn from the same samples at once."""

import torch

from ssdkd.distillers import ReplayDistiller, Role, build_part
from ssdkd.models import student_config
from ssdkd.registry import MODELS


@MODELS.register_module()
class TwoStudents(ReplayDistiller):
    """A replay distiller with a second student.

    Both students see the same samples. The sampler follows their mean divergence. The second
    one has an optimizer of its own, ``optim_wrapper.second``.

    Args:
        second (dict): Config of the second student's ``Network``.
        **kwargs: See :class:`ssdkd.distillers.ReplayDistiller`.
    """

    def __init__(self, second: dict, **kwargs):
        super().__init__(**kwargs)
        self.second = build_part('second', MODELS, student_config(second, kwargs['teacher']))
        self.check_network('second', trained='checkpoint' in second)
        self.second.to(memory_format=self.memory_format)

    @property
    def roles(self) -> dict[str, Role]:
        second = Role(
            'second', network=True, optimizer='second', losses='distillation', exported=True
        )
        return super().roles | {'second': second}

    def train_step(self, data, optim_wrapper) -> dict[str, torch.Tensor]:
        indices, weights, images = self.draw()
        teacher = self.teach(indices, images)
        log, divergences = {}, []
        for name in ('student', 'second'):
            with self.autocasting():
                student = self.ask(name, images)
            divergence = self.divergence(student, teacher)
            loss = self.reduce(divergence, weights, teacher.logits)
            optim_wrapper[name].update_params(loss)
            divergences.append(divergence.detach())
            log[f'{name}_loss'] = loss.detach()
            log[f'{name}_agreement'] = self.task.agreement(
                student.logits, teacher.logits
            ).mean()
        self.sampler.update(self.buffer, indices, torch.stack(divergences).mean(dim=0))
        return log
