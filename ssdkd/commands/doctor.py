"""Report on this machine: versions, accelerator, memory, and missing packages."""

import argparse
import importlib.util
import platform
import sys

from ssdkd import __version__, compat
from ssdkd.environment import machine, packages
from ssdkd.paths import CLONE, CONFIGS

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
    """This command takes no arguments."""


def run(args: argparse.Namespace) -> None:
    where = 'a clone' if CLONE else 'an installed package'
    _print('ssdkd', f'{__version__}, {where}, configs in {CONFIGS}')
    _print('Python', f'{platform.python_version()} ({sys.executable})')
    for name, found in packages().items():
        _print(name, found)
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


def _print(name: str, value: str, width: int = 22) -> None:
    print(f'  {name:{width}} {value}')
