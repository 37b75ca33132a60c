"""Scripts that have never heard of ssdkd, for what must load without it."""

import subprocess
import sys
from pathlib import Path

import torch
from helpers import environment

# What a machine without the real binaries needs, in place of ssdkd.compat.
OBSTACLES = """
import importlib.machinery, sys, types
from pathlib import Path
import torch

torch.set_num_threads(1)
try:
    import torchvision
except RuntimeError:
    for name in [n for n in sys.modules if n.split('.')[0] == 'torchvision']:
        del sys.modules[name]
    schemas = torch.library.Library('torchvision', 'DEF')
    for name in ('nms', 'qnms'):
        schemas.define(name + '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    import torchvision
"""


def in_another_process(script: str, folder: Path, *args) -> dict:
    """Outputs of a script that has never heard of ssdkd, outside the repository."""
    done = subprocess.run(
        [sys.executable, '-c', script, *map(str, args)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(folder / 'plain.pth')
