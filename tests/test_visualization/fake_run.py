"""A work directory as a run leaves it, made by hand."""

import json
from pathlib import Path

import torch

import ssdkd  # noqa: F401  (before torchvision, which needs its shims)
from ssdkd.buffers import ReplayBuffer
from ssdkd.runs import read_rounds
from ssdkd.writers import OldestWriter


def make_buffer(counts: list[int]) -> ReplayBuffer:
    """A buffer with that many samples of each class; confidences rise from 0 to 1."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    buffer = ReplayBuffer(capacity=100)
    buffer.extend(
        dict(
            image=torch.rand(len(labels), 3, 8, 8),
            class_share=torch.nn.functional.one_hot(labels, len(counts)).float(),
            confidence=torch.linspace(0, 1, len(labels)),
        ),
        OldestWriter(),
    )
    return buffer


def save_checkpoint(path: Path, buffer: ReplayBuffer) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({'distillation': [{'distiller': {'buffer': buffer.state_dict()}}]}, path)
    return path


def start(work_dir: Path, stamp: str, rounds: range) -> None:
    """What one start leaves: a round every 30 seconds, a validation every two rounds."""
    folder = work_dir / stamp
    (folder / 'vis_data').mkdir(parents=True)
    (folder / 'vis_data/config.py').write_text("a = 'b < c'\nz = 1\n")
    records = []
    times = {r['round']: r for r in read_rounds(work_dir) if r['round'] < rounds.start}
    before = times[max(times)]['elapsed'] if times else 0
    for i, n in enumerate(rounds, 1):
        seconds = 30 * i - int(stamp[-2:])  # since this start
        times[n] = dict(
            round=n, phase='distillation', terms=dict(loss=1.0), elapsed=before + seconds,
            time=f'2026-01-01T12:{30 * i // 60:02d}:{30 * i % 60:02d}+00:00')  # fmt: skip
        records.append(
            dict(time=0.5, loss=1.0, divergence=float(n), inversion_bn=9.0 / n, agreement=0.5,
                 epoch=n, iter=10 * n, step=10 * n))  # fmt: skip
        if n % 2 == 0:
            records.append({'buffer/class_ratio': 3.0, 'step': n})
            records.append(dict(accuracy=10.0 * n, time=0.1, step=n))
    lines = [json.dumps(record) for record in records]
    (folder / 'vis_data/scalars.json').write_text('\n'.join([*lines, '{"accuracy": 5']))
    lines = [json.dumps(line) for line in times.values()]
    (work_dir / 'rounds.jsonl').write_text('\n'.join([*lines, '{"round": 9, "ela']))
    facts = dict(platform='linux', torch='2.13.0+cpu')
    (work_dir / 'environment.json').write_text(json.dumps(facts))
