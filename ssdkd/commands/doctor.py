"""Say what this machine has: versions, accelerator, memory, and what is missing for what."""

import argparse
import importlib.util
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version

from ssdkd import __version__, compat
from ssdkd.paths import CLONE, CONFIGS

PACKAGES = (
    'torch',
    'torchvision',
    'mmengine',
    'timm',
    'numpy',
    'mmsegmentation',
    'mmcv-lite',
    'mmcv',
)
# Extra -> the modules that it brings, and what they are for.
EXTRAS = {
    'seg': (
        ('mmseg', 'mmcv', 'ftfy', 'regex', 'h5py', 'scipy'),
        'DeepLab and other segmentors of mmsegmentation, CamVid, VOC, NYUv2',
    ),
    'analysis': (('fvcore', 'tensorboard'), 'ssdkd flops, ssdkd train --tensorboard'),
    'export': (('onnx', 'onnxscript', 'onnxruntime'), 'ssdkd export --format onnx'),
    'cluster': (('submitit',), 'ssdkd benchmark --executor submitit'),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(args: argparse.Namespace) -> None:
    where = 'a clone' if CLONE else 'an installed package'
    _print('ssdkd', f'{__version__}, {where}, configs in {CONFIGS}')
    _print('Python', f'{platform.python_version()} ({sys.executable})')
    for name in PACKAGES:
        try:
            _print(name, version(name))
        except PackageNotFoundError:
            continue
    print('\nmachine')
    for name, value in machine().items():
        _print(name, value)
    print('\nshims (what stands between the packages here)')
    for name, needed in compat.in_use().items():
        _print(name, 'in use' if needed else 'not needed', 50)
    print('\nextras')
    for extra, (modules, use) in EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        state = 'here'
        if missing:
            state = f"{', '.join(missing)} missing; pip install 'ssdkd[{extra}]'"
        _print(extra, f'{state} ({use})')


def machine() -> dict[str, str]:
    """Accelerator, threads, memory and disk."""
    import torch

    from ssdkd.free_memory import free_memory
    from ssdkd.models.precision import has_bfloat16

    device = 'cpu'
    if torch.cuda.is_available():
        device = 'cuda'
    elif torch.backends.mps.is_available():
        device = 'mps'
    name = torch.cuda.get_device_name() if device == 'cuda' else device
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    found = {
        'accelerator': 'none' if device == 'cpu' else name,
        'bfloat16': 'fast (--amp)' if has_bfloat16(device) else 'no instructions for it',
        'threads': f'{torch.get_num_threads()} of torch, {cores} cores usable, '
        f'OMP_NUM_THREADS={os.environ.get("OMP_NUM_THREADS", "(not set)")}',
    }
    for place in dict.fromkeys(('cpu', device)):
        free = free_memory(place)
        if free is not None:
            found[f'free memory ({place})'] = f'{free / 2**30:.1f} GiB'
    found['free disk (here)'] = f'{shutil.disk_usage(".").free / 2**30:.1f} GiB'
    return found


def _print(name: str, value: str, width: int = 22) -> None:
    print(f'  {name:{width}} {value}')
