"""A data set whose worker processes take their time; imported by configs of the tests."""

import os
import time
from pathlib import Path

from torch.utils.data import get_worker_info

from ssdkd.datasets import Digits
from ssdkd.registry import DATASETS


@DATASETS.register_module()
class SlowDigits(Digits):
    """Digits that touch the file of ``$SSDKD_TEST_MARK`` in a worker, and then wait."""

    def __getitem__(self, index: int) -> dict:
        if get_worker_info() is not None:
            Path(os.environ['SSDKD_TEST_MARK']).touch()
            time.sleep(0.2)
        return super().__getitem__(index)
