"""Real teachers lie beside the repository; tests that need them skip where they are absent."""

import os
from pathlib import Path

import pytest
import torch

import ssdkd  # noqa: F401  (before torchvision, which needs its shims)


@pytest.fixture(scope='session')
def shared() -> Path:
    beside = Path(__file__).resolve().parents[3] / 'shared'
    folder = Path(os.environ.get('SSDKD_SHARED', beside))
    if not (folder / 'teachers').is_dir():
        pytest.skip('no shared teachers; set SSDKD_SHARED')
    return folder


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)
