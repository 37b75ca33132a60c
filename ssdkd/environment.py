"""Versions and machine, for ``ssdkd doctor`` and for the record of a run."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version

from ssdkd import __version__

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


def packages() -> dict[str, str]:
    """Version of each package that is installed and matters here."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


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


def environment() -> dict[str, str]:
    """All of it as one flat dict."""
    return {
        'ssdkd': __version__,
        'Python': platform.python_version(),
        'platform': platform.platform(),
        **packages(),
        **machine(),
    }
