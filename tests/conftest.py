"""What all tests share: the import order, one thread, and a tiny run."""

import os

# Bits are compared on the CPU. `make test-cuda` runs the tests that are meant for CUDA.
if 'SSDKD_TEST_CUDA' not in os.environ:
    os.environ['CUDA_VISIBLE_DEVICES'] = ''

import logging

import helpers
import pretend_device
import pytest
import torch
from mmengine.logging import MMLogger

import ssdkd  # noqa: F401  (before torchvision, which needs its shims)
from ssdkd.engine.hooks import quality

# Tests run side by side, and bit-identity must not depend on the number of cores.
torch.set_num_threads(1)
pretend_device.register()
# On 500 pictures the estimate takes a quarter of a tiny run.
quality.MOST = 32


@pytest.fixture
def log(caplog):
    """The lines that ``print_log`` wrote to the current logger so far."""
    MMLogger.get_instance('test_log')
    logger = MMLogger.get_current_instance()  # the newest, which may be another
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO)
    yield lambda: [record.getMessage() for record in caplog.records]
    logger.removeHandler(caplog.handler)


@pytest.fixture
def tiny(tmp_path):
    """Make the tiny digits config, with options: ``tiny({'model.modulate': False})``."""
    return lambda options=None: helpers.tiny_config(tmp_path, options)


@pytest.fixture
def distiller(tiny):
    """A tiny distiller of the shipped digits config."""
    return helpers.build_distiller(tiny())
