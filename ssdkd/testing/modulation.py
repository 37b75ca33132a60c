"""The contract of a modulating function, as a check."""

from collections.abc import Callable

import torch

from ssdkd.buffers import BaseBuffer, FreshBuffer, ReplayBuffer
from ssdkd.modulation import BaseModulation
from ssdkd.tasks import TaskOutput
from ssdkd.testing.common import K, Maker, cloned, filled_buffer, global_seed, make_batch, same


def check_modulation(component: Callable[..., BaseModulation], **arguments) -> None:
    """Check that a modulating function keeps the promises of ``BaseModulation``.

    The weights are finite and not negative, without gradient, for one sample and for several,
    with an empty buffer, one sample and a full buffer, where all are certain and of one class;
    it changes nothing and draws nothing; ``active`` and ``needs_counts`` are true.

    Args:
        component: The class, or a function that makes a new one.
        **arguments: Given to it each time.

    Raises:
        ContractError: It breaks a rule; the message says which.
    """
    make = Maker(component, arguments)
    modulation = make(BaseModulation)
    buffers = [ReplayBuffer(8), filled_buffer(1, 8), filled_buffer(5, 8), filled_buffer(8, 8)]
    if not modulation.needs_counts:
        buffers.append(_without_facts())
    for buffer in buffers:
        for output in _outputs():
            weights = _check_call(make, modulation, output, buffer)
            if not modulation.active:
                make.must((weights == 1).all(), 'be 1 for all samples where active is False')


def _outputs() -> list[TaskOutput]:
    outputs = []
    for n in (1, 5):
        batch = make_batch(n, seed=n)
        share = batch['class_share']
        outputs.append(TaskOutput(share, share.argmax(1), batch['confidence']))
    crowded = torch.eye(K)[:1].expand(5, K).clone()
    for certain in (0.0, 1.0):
        outputs.append(TaskOutput(crowded, crowded.argmax(1), torch.full((5,), certain)))
    return outputs


def _without_facts() -> BaseBuffer:
    buffer = FreshBuffer(4)
    buffer.extend(make_batch(4, facts=False))
    return buffer


def _check_call(
    make: Maker, modulation: BaseModulation, output: TaskOutput, buffer: BaseBuffer
) -> torch.Tensor:
    n = len(output.confidence)
    what = f'{n} samples and {len(buffer)} of {buffer.capacity} slots'
    if not buffer.needs_facts:
        what += ' of a buffer without class counts (set needs_counts if they are needed)'
    before = cloned(output._asdict()), cloned(buffer.state_dict())
    runs = []
    for seed in (1, 2):
        confidence = output.confidence.clone().requires_grad_()
        with global_seed(seed), make.doing(f'weigh {what}'):
            runs.append(modulation(output._replace(confidence=confidence), buffer))
    make.must_be(f'weights for {what}', runs[0], (n,))
    make.must(not runs[0].requires_grad, 'return weights without gradient')
    make.must((runs[0] >= 0).all(), 'return weights of at least 0', f'got {runs[0].tolist()}')
    make.must(same(*runs), 'be the same for the same samples: nothing random')
    make.must(
        same(before, (cloned(output._asdict()), cloned(buffer.state_dict()))),
        'change neither the buffer nor what the teacher says',
    )
    return runs[0]
