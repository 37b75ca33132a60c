"""The contract of a synthesizer, as a check."""

from collections.abc import Callable

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor

from ssdkd.buffers import ReplayBuffer, SampleBatch
from ssdkd.synthesizers import BaseSynthesizer, SynthesisContext, check_batch
from ssdkd.tasks import BaseTask, Classification
from ssdkd.testing.common import K, Maker, cloned, global_seed, same, weights_of
from ssdkd.testing.networks import tiny_networks
from ssdkd.writers import OldestWriter


def check_synthesizer(
    component: Callable[..., BaseSynthesizer], task: BaseTask | None = None, **arguments
) -> None:
    """Check that a synthesizer keeps the promises of ``BaseSynthesizer``.

    (:class:`ssdkd.synthesizers.BaseSynthesizer`.) Shape and range of the images and the log,
    with warm-up and without; columns that a buffer stores and returns; networks that stay as
    they are; randomness from ``rng`` only; going on from a checkpoint.

    Args:
        component: The class, or a function that makes a new synthesizer.
        task: What class and divergence mean. Defaults to a classification.
        **arguments: Given to the component each time, such as a small size and few steps.

    Raises:
        ContractError: It breaks a rule; the message says which.
    """
    make = Maker(component, arguments)
    task = task or Classification(K)
    synthesizer = make(BaseSynthesizer)
    size = synthesizer.image_size
    make.must(
        len(size) == 2 and all(isinstance(side, int) for side in size),
        'have image_size as (height, width), two integers',
        f'got {size!r}',
    )
    make.must(
        isinstance(synthesizer.samples, int) and synthesizer.samples > 0,
        'have samples as the number of samples that it returns',
    )
    runs = []
    for seed in (1, 2):
        phase = _Phase(make, task)
        with global_seed(seed):
            runs.append([phase.run(warmup) for warmup in (True, False, False)])
    make.must(same(*runs), 'draw with rng alone, so that a seed fixes the samples')
    _check_resume(make, task)


class _Phase:
    """A synthesizer with all that a run gives it."""

    def __init__(self, make: Maker, task: BaseTask):
        self.make = make
        self.task = task
        self.synthesizer = make()
        self.teacher, self.student = tiny_networks(task, min(self.synthesizer.image_size))
        with make.doing('look at a small teacher in attach()'), global_seed(0):
            self.synthesizer.attach(self.teacher, task.num_classes)
        self.rng = torch.Generator().manual_seed(0)
        self.buffer = ReplayBuffer(2 * self.synthesizer.samples)
        trained = [p for p in self.synthesizer.parameters() if p.requires_grad]
        wrappers = dict(student=OptimWrapper(torch.optim.SGD(self.student.parameters(), 0.01)))
        if trained:
            wrappers['generator'] = OptimWrapper(torch.optim.SGD(trained, 0.01))
        self.optim_wrapper = OptimWrapperDict(**wrappers)

    def run(self, warmup: bool = False) -> SampleBatch:
        make, synthesizer = self.make, self.synthesizer
        networks = [self.teacher, self.student]
        before = weights_of(networks)
        synthesizer.train()
        with make.doing('make samples' + (' in a warm-up round' if warmup else '')):
            batch, log = synthesizer.synthesize(self._context(warmup))
        with make.doing('return a batch that a buffer can store'):
            check_batch(synthesizer, batch)
        images = batch['image']
        shape = (synthesizer.samples, synthesizer.channels, *synthesizer.image_size)
        make.must_be('as many images as samples says', images, shape, torch.float32)
        make.must(
            0 <= images.min() and images.max() <= 1,
            'return images in [0, 1]',
            f'got [{images.min():.3g}, {images.max():.3g}]',
        )
        for name, column in batch.items():
            what = 'images' if name == 'image' else f"column '{name}'"
            make.must(not column.requires_grad, f'return {what} without gradient')
        make.must(isinstance(log, dict), 'return a dict of loss terms beside the batch')
        for name, value in log.items():
            make.must_be(f"'{name}' of the log", value, ())
            make.must(not value.requires_grad, 'log values without gradient')
        make.must(
            same(before, weights_of(networks)),
            'leave teacher and student as they are, batch norms included',
        )
        make.must(
            not any(network.training for network in networks)
            and not any(
                p.requires_grad or p.grad is not None for n in networks for p in n.parameters()
            ),
            'leave teacher and student in evaluation mode and without gradients',
        )
        if not warmup:
            with make.doing('bring the same columns in the same form every round'):
                rows = self.buffer[self._store(batch)]
            make.must(
                all(same(rows[name], batch[name]) for name in batch.keys() - {'image'}),
                'bring columns that the buffer returns as they were written',
            )
            self.buffer.round += 1
        return cloned(batch)

    def _store(self, batch: SampleBatch) -> Tensor:
        output = self.task.classify(self.teacher(batch['image']))
        facts = dict(class_share=output.class_share, confidence=output.confidence)
        return self.buffer.extend(batch | facts, OldestWriter())

    def _context(self, warmup: bool) -> SynthesisContext:
        return SynthesisContext(
            teacher=self.teacher,
            student=self.student,
            task=self.task,
            modulation=lambda logits: torch.ones(len(logits)),
            buffer=self.buffer,
            optim_wrapper=self.optim_wrapper,
            rng=self.rng,
            round=self.buffer.round,
            warmup=warmup,
        )


def _check_resume(make: Maker, task: BaseTask) -> None:
    straight = _Phase(make, task)
    for _ in range(2):
        straight.run()
    state = make.resaved(cloned(straight.synthesizer.state_dict()))
    resumed = _Phase(make, task)
    with make.doing('load its own state_dict'):
        resumed.synthesizer.load_state_dict(state)
    resumed.rng.set_state(straight.rng.get_state())
    resumed.buffer.load_state_dict(straight.buffer.state_dict())
    make.must(
        same([straight.run() for _ in range(2)], [resumed.run() for _ in range(2)]),
        'go on after load_state_dict as it would have without a stop: all that it remembers '
        'must be in parameters and buffers',
    )
