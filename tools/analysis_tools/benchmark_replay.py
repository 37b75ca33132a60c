"""Measure what the replay buffer costs a student step.

Prints milliseconds per draw with the update that follows it, for each sampler and buffer
size, and how many images per second the buffer hands out.
"""

import ssdkd  # noqa: F401  (first, as in every tool)

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch

from ssdkd.buffers import BaseBuffer, ReplayBuffer
from ssdkd.samplers import BaseSampler, PrioritySampler, UniformSampler
from ssdkd.writers import OldestWriter

CLASSES = 10


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--slots', type=int, nargs='+', default=[5_000, 100_000, 1_000_000],
        help='buffer sizes; images are 32x32 up to 5,000 slots, 1x1 above')  # fmt: skip
    parser.add_argument('--batch', type=int, default=256, help='slots per draw')
    parser.add_argument('--repeats', type=int, default=200, help='draws to average over')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads')
    return parser.parse_args(argv)


def filled_buffer(slots: int, device: str) -> ReplayBuffer:
    """A full buffer of random samples with random priorities."""
    side = 32 if slots <= 5_000 else 1
    buffer = ReplayBuffer(slots, device)
    buffer.rng = torch.Generator(device).manual_seed(0)
    classes = torch.randint(CLASSES, (slots,), device=device)
    batch = dict(
        image=torch.rand(slots, 3, side, side, device=device),
        class_share=torch.nn.functional.one_hot(classes, CLASSES).float(),
        confidence=torch.rand(slots, device=device),
    )
    indices = buffer.extend(batch, OldestWriter())
    buffer.set_priority(indices, torch.rand(slots, device=device))
    return buffer


def milliseconds(step: Callable[[], object], repeats: int, device: str) -> float:
    """Mean time of ``step`` after a warm-up, with the device's queue emptied."""
    sync = torch.cuda.synchronize if device == 'cuda' else lambda: None
    for _ in range(3):
        step()
    sync()
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    sync()
    return (time.perf_counter() - start) / repeats * 1e3


def draw_and_update(sampler: BaseSampler, buffer: BaseBuffer, divergence: torch.Tensor) -> None:
    """One student step, as the replay sees it."""
    indices, _ = sampler.sample(buffer, len(divergence))
    sampler.update(buffer, indices, divergence)


def rebuild(sampler: BaseSampler, buffer: BaseBuffer) -> None:
    """The first draw of a round, whose extend has outdated the sampler's sums."""
    buffer.version += 1
    sampler.sample(buffer, 1)


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    args = parse_args(argv)
    torch.set_num_threads(args.threads)
    devices = ['cpu'] + ['cuda'] * torch.cuda.is_available()
    print(f'draws of {args.batch}, {args.threads} CPU thread(s), torch {torch.__version__}')
    print(f'{"device":7}{"slots":>10}  {"sampler":16}{"draw+update":>13}{"new round":>13}')
    for device in devices:
        divergence = torch.rand(args.batch, device=device)
        for slots in args.slots:
            buffer = filled_buffer(slots, device)
            for sampler in (UniformSampler(), PrioritySampler()):
                draw = partial(draw_and_update, sampler, buffer, divergence)
                step = milliseconds(draw, args.repeats, device)
                first = milliseconds(partial(rebuild, sampler, buffer), 5, device)
                name = type(sampler).__name__
                print(f'{device:7}{slots:>10,}  {name:16}{step:>10.3f} ms{first:>10.3f} ms')
    for device in devices:
        slots = min(args.slots)
        buffer = filled_buffer(slots, device)
        indices = torch.randint(slots, (args.batch,), device=device)
        ms = milliseconds(partial(buffer.__getitem__, indices), args.repeats, device)
        side = buffer.columns['image'].shape[-1]
        rate = args.batch / ms * 1e3
        print(f'{device}: {rate:,.0f} images of {side}x{side} per second out of {slots:,}')


if __name__ == '__main__':
    main()
