"""A work directory as a run leaves it, made by hand."""

import json
from pathlib import Path

import torch

import ssdkd  # noqa: F401  (before torchvision, which needs its shims)
from ssdkd.buffers import ReplayBuffer
from ssdkd.writers import OldestWriter

LOG = """2026/01/01 12:00:00 - mmengine - INFO -
------------------------------------------------------------
System environment:
    sys.platform: linux
    PyTorch: 2.13.0+cpu
    PyTorch compiling details: PyTorch built with:
  - a compiler

Runtime environment:
    seed: 0
------------------------------------------------------------
"""


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


def start(work_dir: Path, stamp: str, rounds: range, resumed: bool = False) -> None:
    """What one start leaves: a round every 30 seconds, a validation every two rounds."""
    folder = work_dir / stamp
    (folder / 'vis_data').mkdir(parents=True)
    (folder / 'vis_data/config.py').write_text(f"a = 'b < c'\nresume = {resumed}\nz = 1\n")
    records, log = [], LOG
    for i, n in enumerate(rounds, 1):
        second = 30 * i
        log += (
            f'2026/01/01 12:{second // 60:02d}:{second % 60:02d} - mmengine - INFO - '
            f'Round  [{n}][10/10]  loss: 1.0\n'
        )
        records.append(
            dict(time=0.5, loss=1.0, divergence=float(n), inversion_bn=9.0 / n, agreement=0.5,
                 epoch=n, iter=10 * n, step=10 * n))  # fmt: skip
        if n % 2 == 0:
            records.append({'buffer/class_ratio': 3.0, 'step': n})
            records.append(dict(accuracy=10.0 * n, time=0.1, step=n))
    lines = [json.dumps(record) for record in records]
    (folder / 'vis_data/scalars.json').write_text('\n'.join([*lines, '{"accuracy": 5']))
    (folder / f'{stamp}.log').write_text(log)
