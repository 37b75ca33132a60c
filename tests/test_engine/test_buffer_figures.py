"""The figures of a buffer against numbers by hand, and its picture."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
from helpers import NO_VAL, build_runner
from PIL import Image

from ssdkd.buffers import FreshBuffer, GrowingBuffer, ReplayBuffer
from ssdkd.buffers.classes import class_balance
from ssdkd.engine.hooks import buffer_statistics
from ssdkd.engine.hooks.buffer_statistics import collapse
from ssdkd.visualization import read_curves, save_sample_grid, write_report
from ssdkd.visualization.curves import shown_scalars
from ssdkd.writers import OldestWriter


@pytest.fixture
def buffer():
    """Four samples of three classes (2, 1, 1) in eight slots."""
    buffer = ReplayBuffer(capacity=8)
    share = torch.nn.functional.one_hot(torch.tensor([0, 0, 1, 2]), 3).float()
    images = torch.linspace(0, 1, 4).reshape(4, 1, 1, 1).expand(4, 3, 4, 4)
    confidence = torch.tensor([0.2, 0.4, 0.6, 0.8])
    buffer.extend(dict(image=images, class_share=share, confidence=confidence), OldestWriter())
    return buffer


def test_figures_by_hand(buffer):
    buffer.columns['priority'][:4] = torch.tensor([4.0, 2.0, 1.0, 1.0])
    buffer.columns['weight'][:4] = torch.tensor([0.5, 1.0, 1.5, 3.0])
    entropy = (0.5 * math.log(2) + 0.25 * math.log(4) + 0.25 * math.log(8)) / math.log(4)
    expected = dict(
        samples=4,
        class_min=1,
        class_max=2,
        class_ratio=2,
        empty_classes=0,
        confidence=0.5,
        weight_mean=1.5,
        weight_max=3,
        priority_entropy=entropy,
    )
    assert buffer_statistics(buffer) == pytest.approx(expected)


def test_uniform_priorities_have_entropy_one(buffer):
    assert buffer_statistics(buffer)['priority_entropy'] == pytest.approx(1.0)


@pytest.mark.parametrize(
    'counts, ratio, empty',
    [
        ([17.0, 0.0, 5.0, 0.0], math.inf, 2),
        ([17.0, 1e-12, 5.0], math.inf, 1),  # what rounding may leave
        ([3.0, 0.25], 12, 0),  # a class that covers a quarter of one image
        ([6.0, 3.0], 2, 0),
    ],
)
def test_an_empty_class_is_named(counts, ratio, empty):
    balance = class_balance(torch.tensor(counts, dtype=torch.float64))
    assert balance['class_ratio'] == ratio
    assert balance['empty_classes'] == empty
    assert balance['class_min'] == (0 if empty else min(counts))


def test_sample_grid(buffer, tmp_path):
    """A row per class; enlarged 16 times; the newest first and black where there are none."""
    buffer.columns['birth'][:2] = torch.tensor([0, 1])
    path = tmp_path / 'new/grid.png'
    save_sample_grid(buffer, path, columns=3)
    image = Image.open(path)
    step = (4 + 1) * 16
    assert image.size == (3 * step + 16, 3 * step + 16)
    middle = [
        [image.getpixel((c * step + step // 2, r * step + step // 2))[0] for c in range(3)]
        for r in range(3)
    ]
    assert middle == [[85, 0, 0], [170, 0, 0], [255, 0, 0]]


def test_sample_grid_of_many_classes(tmp_path):
    """The rows are the classes with the most samples, not the first ones."""
    buffer = ReplayBuffer(capacity=4)
    image = torch.tensor([1 / 3, 2 / 3, 2 / 3, 1.0]).reshape(4, 1, 1, 1).expand(4, 3, 4, 4)
    labels = torch.tensor([7, 900, 900, 950])
    share = torch.eye(1000)[labels]
    buffer.extend(
        dict(image=image, class_share=share, confidence=torch.ones(4)), OldestWriter()
    )
    save_sample_grid(buffer, tmp_path / 'grid.png', columns=2, max_classes=2)
    grid = Image.open(tmp_path / 'grid.png')
    step = (4 + 1) * 16
    middle = [
        [grid.getpixel((c * step + step // 2, r * step + step // 2))[0] for c in range(2)]
        for r in range(2)
    ]
    assert middle == [[85, 0], [170, 170]]


@pytest.fixture
def unlabelled():
    """Two samples of which nothing is known."""
    buffer = FreshBuffer(capacity=4)
    images = torch.tensor([1 / 3, 1.0]).reshape(2, 1, 1, 1).expand(2, 3, 4, 4)
    buffer.extend(dict(image=images), None)
    return buffer


def test_figures_without_classes(unlabelled):
    expected = dict(samples=2, weight_mean=1, weight_max=1, priority_entropy=1)
    assert buffer_statistics(unlabelled) == pytest.approx(expected)


def test_sample_grid_without_classes_is_one_row(unlabelled, tmp_path):
    save_sample_grid(unlabelled, tmp_path / 'grid.png', columns=3)
    image = Image.open(tmp_path / 'grid.png')
    step = (4 + 1) * 16
    assert image.size == (3 * step + 16, step + 16)
    middle = [image.getpixel((c * step + step // 2, step // 2))[0] for c in range(3)]
    assert middle == [85, 255, 0]


def test_figures_and_grid_of_a_buffer_that_grows(buffer, tmp_path):
    grown = GrowingBuffer(capacity=8)
    rows = buffer[torch.arange(4)]
    for part in (slice(0, 3), slice(3, 4)):  # six rows of memory, four of them filled
        grown.extend({k: v[part] for k, v in rows.items()}, OldestWriter())
    assert len(grown.columns['image']) == 6
    assert buffer_statistics(grown) == buffer_statistics(buffer)
    for name, b in (('fixed', buffer), ('grown', grown)):
        save_sample_grid(b, tmp_path / f'{name}.png', columns=3)
    assert (tmp_path / 'grown.png').read_bytes() == (tmp_path / 'fixed.png').read_bytes()


@pytest.mark.parametrize(
    'counts, wrong',
    [
        ([50] * 10, None),
        ([5] * 9 + [455], None),  # uneven, but all are there
        ([1] * 9 + [991], '99% of the samples are of class 9'),
        ([250] * 4 + [0] * 6, '6 of 10 classes have hardly any samples (4, 5, 6, 7, 8, 9)'),
        ([100] * 5 + [0] * 5, None),
        ([20, 80], None),
        ([5, 995], '100% of the samples are of class 1'),
        ([10] * 40 + [0] * 60, '60 of 100 classes have hardly any samples (40, 41, 42, 43, 44, '
         '45, 46, 47, 48, 49, ...)'),
        ([0.0, 3.0], None),  # two samples of two classes
        ([7.0], None),
    ],
)  # fmt: skip
def test_collapsed_samples(counts, wrong):
    assert collapse(counts) == wrong


def test_a_run_with_collapsed_samples_says_so_early(tiny):
    cfg = tiny({'train_cfg.max_rounds': 5, **NO_VAL})
    build_runner(cfg).train()  # the random teacher sees one class in everything
    (log,) = Path(cfg.work_dir).glob('*/*.log')
    early, said = log.read_text().split('The samples have collapsed: ', 1)
    assert re.match(r'(9\d|100)% of the samples are of class \d, by the teacher', said)
    assert early.splitlines()[-1].count('WARNING') == 1
    assert 'Round [4/5]' in early and 'Round [5/5]' not in early
    check_empty_classes(cfg.work_dir, log)


def check_empty_classes(work_dir, log):
    """In the log, in JSON and on the page."""
    ratios = [line for line in log.read_text().splitlines() if 'class_ratio' in line]
    assert 'Buffer' in ratios[0] and 'Summary' in ratios[-1]
    empty = re.search(r'class_ratio: inf  empty_classes: (\d)', ratios[0])[1]
    assert f'class_ratio: inf  empty_classes: {empty}' in ratios[-1]
    summary = json.loads(Path(work_dir, 'summary.json').read_text(), parse_constant=pytest.fail)
    assert (summary['class_ratio'], summary['empty_classes']) == (None, int(empty))
    curves = read_curves(work_dir)
    assert 'buffer/class_ratio' not in curves.scalars
    assert 'buffer/empty_classes' in shown_scalars(curves)
    page = write_report(work_dir)[0].read_text()
    assert '<td>Largest class / smallest class</td><td>infinite</td>' in page
    assert f'ratio inf ({empty} empty classes)' in page
