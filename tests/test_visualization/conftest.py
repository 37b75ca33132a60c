import json
from pathlib import Path

import pytest
from fake_run import make_buffer, save_checkpoint, start

from ssdkd.visualization import save_sample_grid


@pytest.fixture
def work_dir(tmp_path) -> Path:
    """A finished run: rounds 1 to 4, then stopped, then 3 to 6 again."""
    folder = tmp_path / 'some_run'
    start(folder, '20260101_120000', range(1, 5))
    start(folder, '20260101_120001', range(3, 7))
    buffer = make_buffer([10, 20, 30])
    save_checkpoint(folder / 'round_5.pth', make_buffer([1, 1, 1]))
    save_checkpoint(folder / 'round_10.pth', buffer)
    save_sample_grid(buffer, folder / 'samples/round_10.png', columns=3)
    summary = dict(
        teacher_accuracy=99.5, student_accuracy=95.25, teacher_parameters=2000,
        student_parameters=500, buffer_samples=60, inversion_seconds=60.0,
        distillation_seconds=30.0, rounds=6, student_steps=60, seed=0)  # fmt: skip
    (folder / 'summary.json').write_text(json.dumps(summary))
    return folder
