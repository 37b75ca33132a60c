"""Distillation through a replay buffer: the distiller of all methods."""

from collections.abc import Sequence
from contextlib import contextmanager

import torch
from mmengine.dist import get_world_size
from mmengine.logging import print_log
from torch import Tensor, nn

from ssdkd.buffers import BaseBuffer, SampleBatch, rounded
from ssdkd.checks import check_bool, check_dict, check_int
from ssdkd.distillers.answers import LOGITS, check_kept, from_columns, to_columns
from ssdkd.distillers.base import BaseDistiller, Role
from ssdkd.distillers.parts import build_part, build_synthesizer, build_terms
from ssdkd.errors import ConfigError
from ssdkd.losses import BaseDistillationLoss
from ssdkd.models import (
    Network,
    NetworkOutput,
    Teacher,
    channels_of,
    chosen_precision,
    device_of,
    reuse_layers,
    student_config,
)
from ssdkd.modulation import BaseModulation
from ssdkd.registry import (
    BUFFERS,
    MODELS,
    MODULATIONS,
    SAMPLERS,
    TASKS,
    WRITERS,
)
from ssdkd.samplers import BaseSampler
from ssdkd.synthesizers import SynthesisContext, check_batch
from ssdkd.tasks import BaseTask
from ssdkd.transforms import Augmentation, accepts_old_keys
from ssdkd.writers import BaseWriter


@MODELS.register_module(name=['ReplayDistiller', 'SSDKD'])  # the second in older configs
@accepts_old_keys
class ReplayDistiller(BaseDistiller):
    """Distillation through a replay buffer, with interchangeable parts.

    With the parts of ``configs/_base_/methods/ssdkd.py`` it is SSD-KD (Liu et al., CVPR 2024,
    arXiv 2406.07876); the other methods are other parts.

    One round is one :meth:`synthesize` (a generator phase that ends in the buffer) and then
    many :meth:`train_step` (each one step of the student on samples of the buffer). As a
    mmengine model it *is* the student: validation, metrics and hooks see nothing else.

    Args:
        teacher (dict): Config of a ``Teacher``: model, checkpoint, mean, std.
        student (dict): Config of a ``Network``. Its normalisation defaults to the teacher's.
        synthesizer (dict): Config of a synthesizer.
        task (dict): Config of a task.
        buffer (dict): Config of a buffer; ``capacity`` is that of all processes together.
        writer (dict | None): Config of a writer; None if the buffer asks none.
        sampler (dict): Config of a sampler.
        modulation (dict): Config of a modulating function (phi).
        distillation (dict): Name to config of a distillation term; a name set to None is
            dropped. The student minimises their weighted sum.
        batch_size (int): Samples per step of the student.
        reuse (dict[str, str], optional): Name of a module of the student to that of a module of
            the teacher, of equal shapes, from whose weights it starts; such as the decode head,
            which needs few steps once :class:`FeatureMatchingLoss` gives it the features that
            it knows. Defaults to None: the student starts as it was built.
        modulate (bool): Let phi weigh the student's loss (*choice*). Defaults to True.
        normalize (bool): Scale the weights of the student's loss, importance weight times phi,
            to mean 1 over the batch (*choice*). Samples that are drawn often have small
            weights, which otherwise also shrink the student's step. Defaults to False.
        augment (Sequence[dict]): Configs of batch transforms, applied to the samples of a
            student step in their order; teacher and student see the same images. Defaults to
            none.
        autocast (str, optional): ``'bfloat16'`` runs the networks in mixed precision,
            ``'auto'`` only on a device with instructions for it. Defaults to None: float32.
        channels_last (bool): Keep the networks in the channels-last memory format, which
            convolutions on many devices prefer. Defaults to False.
        cuda_graphs (bool): Replay the passes of the networks in training steps as CUDA graphs,
            see :class:`PassGraphs`: for small networks, whose kernels are done faster than
            Python launches them. Other devices, and several processes, run as usual. Defaults
            to False.
        keep_answers (bool): Ask the teacher once per sample, when it is stored, and keep the
            answer in the buffer: student steps then spare its pass. ``augment`` is applied
            then, too, once per sample, as the answer is to what the student will see. The
            logits, and the features that ``distillation`` reads, take memory for all slots;
            checkpoints leave them out. Defaults to False: asked in each student step.

    Raises:
        ConfigError: The parts do not fit together; each message names the key.
    """

    def __init__(
        self,
        teacher: dict,
        student: dict,
        synthesizer: dict,
        task: dict,
        buffer: dict,
        writer: dict | None,
        sampler: dict,
        modulation: dict,
        distillation: dict[str, dict | None],
        batch_size: int,
        reuse: dict[str, str] | None = None,
        modulate: bool = True,
        normalize: bool = False,
        augment: Sequence[dict] = (),
        autocast: str | None = None,
        channels_last: bool = False,
        cuda_graphs: bool = False,
        keep_answers: bool = False,
    ):
        check_dict('model', teacher=teacher, student=student, synthesizer=synthesizer)
        check_dict('model', task=task, buffer=buffer, sampler=sampler, modulation=modulation)
        check_dict('model', distillation=distillation)
        check_dict('model', optional=True, writer=writer, reuse=reuse)
        check_int('model', 1, batch_size=batch_size)
        check_bool('model', modulate=modulate, normalize=normalize)
        check_bool('model', channels_last=channels_last, cuda_graphs=cuda_graphs)
        check_bool('model', keep_answers=keep_answers)
        task: BaseTask = TASKS.build(task)
        super().__init__(task.data_preprocessor)
        self.task = task
        self.teacher: Teacher = build_part('teacher', MODELS, {'type': 'Teacher', **teacher})
        self.student: Network = build_part('student', MODELS, student_config(student, teacher))
        self.synthesizer = build_synthesizer(synthesizer, channels_of(self.teacher))
        # Each of R processes holds 1/R of the slots; class counts are summed over all.
        if 'capacity' in buffer:
            check_int('model.buffer', 1, capacity=buffer['capacity'])
            buffer = {**buffer, 'capacity': buffer['capacity'] // get_world_size()}
        self.buffer: BaseBuffer = build_part('buffer', BUFFERS, buffer)
        if writer is None and self.buffer.needs_writer:
            raise ConfigError(
                f'model.writer=None, but {type(self.buffer).__name__} overwrites samples, '
                'which a writer chooses; name a writer'
            )
        self.writer: BaseWriter | None = (
            None if writer is None else build_part('writer', WRITERS, writer)
        )
        self.sampler: BaseSampler = build_part('sampler', SAMPLERS, sampler)
        self.modulation: BaseModulation = build_part('modulation', MODULATIONS, modulation)
        if not isinstance(self.modulation, BaseModulation):
            raise ConfigError(
                f'model.modulation: {type(self.modulation).__name__} is not a '
                'subclass of ssdkd.modulation.BaseModulation; derive it from that class'
            )
        if self.modulation.needs_counts and not self.buffer.needs_facts:
            raise ConfigError(
                'model.modulation.diversity=True counts the classes in model.buffer, but '
                f'{type(self.buffer).__name__} stores none; set it to False or choose another '
                'buffer'
            )
        self.distillation: dict[str, BaseDistillationLoss] = build_terms(distillation)
        self.batch_size = batch_size
        self.modulate = modulate
        self.normalize = normalize
        self.augment = Augmentation('model', augment)
        self.autocast = chosen_precision(autocast)
        self.cuda_graphs = cuda_graphs
        self.keep_answers = keep_answers
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        for term in self.distillation.values():
            term.attach(self.teacher, self.student)
        self._check_outputs(trained=student.get('checkpoint') is not None)
        reuse_layers(self.student.model, self.teacher.model, reuse or {})
        print_log(
            self.buffer.reserve(self.synthesizer.image_size, self.synthesizer.channels),
            'current',
        )
        try:
            self.synthesizer.attach(self.teacher, self.task.num_classes)
        except BaseException:
            self.synthesizer.detach()
            raise
        self.to(memory_format=self.memory_format)

    @property
    def roles(self) -> dict[str, Role]:
        return {
            'teacher': Role('teacher', network=True),
            'generator': Role(
                'synthesizer',
                optimizer='generator',
                losses='synthesizer.losses',
                synthesizes=True,
            ),
            'student': Role(
                'student',
                network=True,
                optimizer='student',
                losses='distillation',
                exported=True,
            ),
            # A term may have a head of its own, which learns with the student.
            **{
                f'distillation.{name}': Role(
                    f'distillation.{name}', optimizer='student', losses='distillation'
                )
                for name in self.distillation
            },
        }

    def _check_outputs(self, trained: bool) -> None:
        """Run both networks and all terms once on a blank image."""
        with torch.no_grad():
            teacher = self.check_network('teacher', trained=True)
            self.divergence(self.check_network('student', trained), teacher)
            if self.keep_answers:
                images = torch.zeros(2, self.synthesizer.channels, *self.synthesizer.image_size)
                check_kept(self.ask('teacher', images), len(images))

    def phi(self, teacher_logits: Tensor) -> Tensor:
        """Weights [N] of the modulating function for samples with these logits."""
        return self.modulation.weigh(teacher_logits, self.task, self.buffer)

    def layers(self, name: str) -> Sequence[str]:
        side = 'teacher_layers' if self.roles[name].optimizer is None else 'student_layers'
        return sorted({n for term in self.distillation.values() for n in getattr(term, side)})

    def divergence(self, student: NetworkOutput, teacher: NetworkOutput) -> Tensor:
        """Weighted sum of the distillation terms, per sample [N]."""
        return sum(
            term.weight * term.compare(student, teacher, self.task)
            for term in self.distillation.values()
        )

    def synthesize(self, optim_wrapper, warmup: bool = False) -> dict[str, Tensor]:
        """Run one generator phase and write its batch to the buffer.

        Batches of the warm-up rounds are not stored. They are noise, on which the student
        would always disagree with the teacher (docs/method.md, "Choices").

        Args:
            optim_wrapper: The run's ``OptimWrapperDict``.
            warmup: Train the generator only.

        Returns:
            dict: Value of each inversion term, 0-dim, on the device.
        """
        # In distributed training this phase must bypass the wrapper around the student,
        # which would wait for gradients that the frozen student does not get.
        student = self.part('student')
        with frozen(student), self.autocasting():
            context = SynthesisContext(
                teacher=self.teacher,
                student=student,
                task=self.task,
                modulation=self.phi,
                buffer=self.buffer,
                optim_wrapper=optim_wrapper,
                rng=self.rng,
                round=self.buffer.round,
                share=self.share,
                warmup=warmup,
                replayed=self.replayed,
            )
            batch, log = self.synthesizer.synthesize(context)
        check_batch(self.synthesizer, batch)
        if not warmup:
            self.store(batch)
        return log

    @torch.no_grad()
    def store(self, batch: SampleBatch) -> Tensor:
        """Write a batch to the buffer, with what the teacher says of it.

        Args:
            batch: ``image`` [N, 3, H, W] in [0, 1], and any other columns [N, ...].

        Returns:
            Tensor: [N] int64, the slots written.
        """
        if self.keep_answers:
            batch = batch | dict(image=rounded(self.augment(batch['image'], self.rng)))
        if self.keep_answers or self.buffer.needs_facts:
            answers = self._answers(batch['image'])
            with self.autocasting():
                output = self.task.classify(answers[LOGITS])
            if self.keep_answers:
                batch = batch | answers
            if self.buffer.needs_facts:
                batch = batch | dict(
                    class_share=output.class_share, confidence=output.confidence
                )
        return self.buffer.extend(batch, self.writer)

    def _answers(self, images: Tensor) -> SampleBatch:
        """The teacher's logits for any number of images, and with ``keep_answers`` the rest.

        In passes no larger than those of a student step: more does not fit into the caches of a
        CPU. All have one size, as it may decide how an answer is rounded.
        """
        n = min(self.batch_size, self.synthesizer.samples)
        passes = []
        for part in images.split(n):
            padded = torch.cat([part, part.new_zeros(n - len(part), *part.shape[1:])])
            with self.autocasting():
                answer = self.ask('teacher', self._format(padded))
            columns = to_columns(answer) if self.keep_answers else {LOGITS: answer.logits}
            passes.append({name: rows[: len(part)] for name, rows in columns.items()})
        return {name: torch.cat([one[name] for one in passes]) for name in passes[0]}

    def load_training_state(self, state: dict) -> None:
        super().load_training_state(state)
        if self.keep_answers and len(self.buffer):  # not in warm-up
            self._answer_again()

    @torch.no_grad()
    def _answer_again(self) -> None:
        """Ask for all stored samples: checkpoints leave the answers out."""
        slots = torch.arange(len(self.buffer), device=self.buffer.device)
        for part in slots.split(self.synthesizer.samples):
            for name, rows in self._answers(self.buffer[part]['image']).items():
                self.buffer.add_column(name, rows.shape[1:], rows.dtype)
                self.buffer.columns[name][part] = rows

    def train_step(self, data, optim_wrapper) -> dict[str, Tensor]:
        """One step of the student on samples that the sampler draws.

        Args:
            data: Ignored: the samples come from the buffer.
            optim_wrapper: The run's ``OptimWrapperDict``.

        Returns:
            dict: ``loss``, ``divergence`` (mean over the samples of the weighted sum of the
            distillation terms) and mean ``agreement``, 0-dim, on the device.
        """
        indices, weights, images = self.draw()
        teacher = self.teach(indices, images)
        with self.autocasting():
            student = self.ask('student', images)
        divergence = self.divergence(student, teacher)
        loss = self.reduce(divergence, weights, teacher.logits)
        optim_wrapper['student'].update_params(loss)
        divergence = divergence.detach()
        self.sampler.update(self.buffer, indices, divergence)
        return {
            'loss': loss.detach(),
            'divergence': divergence.mean(),
            'agreement': self.task.agreement(student.logits, teacher.logits).mean(),
        }

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """The samples of a student step.

        Returns:
            tuple: slots [N], importance weights [N], and the images [N, 3, H, W] as teacher
            and student see them.
        """
        indices, weights = self.sampler.sample(self.buffer, self.batch_size)
        images = self.buffer[indices]['image']
        if not self.keep_answers:  # augmented when they were stored
            images = self.augment(images, self.rng)
        return indices, weights, self._format(images)

    @torch.no_grad()
    def teach(self, indices: Tensor, images: Tensor) -> NetworkOutput:
        """What the teacher says of the samples of a student step.

        Args:
            indices: [N], their slots.
            images: As :meth:`draw` returned them.
        """
        if self.keep_answers:
            return from_columns(self.buffer.columns, indices, self.layers('teacher'))
        with self.autocasting():
            return self.ask('teacher', images)

    def reduce(self, divergence: Tensor, weights: Tensor, teacher_logits: Tensor) -> Tensor:
        """The loss of a student step: the mean over samples, weighted by importance and phi.

        Args:
            divergence: [N].
            weights: Importance weights [N].
            teacher_logits: The teacher's logits for the same samples.
        """
        if self.modulate and self.modulation.active:
            weights = weights * self.phi(teacher_logits)
        if self.normalize:
            weights = weights / weights.mean()
        return (weights * divergence).mean()

    def answer(self, name: str, images: Tensor) -> Tensor:
        with self.autocasting():
            return super().answer(name, self._format(images))

    def _format(self, images: Tensor) -> Tensor:
        return images.contiguous(memory_format=self.memory_format)

    def autocasting(self) -> torch.autocast:
        """Run networks inside in the precision that ``autocast`` asks for."""
        # Without the cache of cast weights: a generator phase updates weights inside.
        return torch.autocast(
            device_of(self.teacher).type,
            torch.bfloat16,
            enabled=self.autocast is not None,
            cache_enabled=False,
        )


@contextmanager
def frozen(network: nn.Module):
    """Eval mode and no parameter gradients inside; gradients still flow through."""
    was_training = network.training
    trained = [p for p in network.parameters() if p.requires_grad]
    network.eval().requires_grad_(False)
    try:
        yield
    finally:
        network.train(was_training)
        for parameter in trained:
            parameter.requires_grad_(True)
