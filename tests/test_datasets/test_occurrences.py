"""Classes that never occur in the label maps of a val set, said before training."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset
from PIL import Image

from ssdkd.datasets import CheckLabels, check_set
from ssdkd.datasets.occurrences import Occurrences
from ssdkd.errors import ConfigError

UNMEASURED = 'nothing measures them; check the labels and num_classes'


class LabelMaps:
    """What check_set reads of a data set of mmseg."""

    ignore_index = 255

    def __init__(self, folder, *values, reduce_zero_label=False):
        self.reduce_zero_label = reduce_zero_label
        self.files = []
        for i, labels in enumerate(values):
            self.files.append(folder / f'{i}.png')
            Image.fromarray(np.resize(np.array(labels, np.uint8), (4, 4))).save(self.files[-1])

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return {}

    def get_data_info(self, index):
        return dict(seg_map_path=str(self.files[index]), label_map=None)


def test_masks_of_0_and_255(tmp_path):
    with pytest.raises(ConfigError) as error:
        check_set(LabelMaps(tmp_path, [0, 255], [0]), 'val_dataloader', 2)
    assert str(error.value) == (
        'val_dataloader: the masks hold 0 and 255 alone, and 255 is void, so that no pixel is '
        'of class 1; write 1 for 255: mask // 255'
    )


@pytest.mark.parametrize('values, classes', [(([0, 1], [0, 255]), 2), (([0], [1], [2]), 3)])
def test_label_maps_with_all_classes(tmp_path, values, classes):
    assert check_set(LabelMaps(tmp_path, *values), 'val_dataloader', classes) == []


def test_a_class_that_never_occurs(tmp_path):
    found = check_set(LabelMaps(tmp_path, [0, 2], [0, 255]), 'val_dataloader', 3)
    assert found == [f'val_dataloader: 1 class of 3 never occurs (1): {UNMEASURED}']


def test_reduce_zero_label_where_0_is_a_class(tmp_path):
    maps = LabelMaps(tmp_path, [0, 1], [2], reduce_zero_label=True)
    assert check_set(maps, 'val_dataloader', 3) == [
        'val_dataloader: 1 class of 3 never occurs (2): reduce_zero_label=True makes label 0 '
        'void and every other label one less; if label 0 is a class, set '
        'reduce_zero_label=False'
    ]


def test_reduce_zero_label_where_0_is_void(tmp_path):
    maps = LabelMaps(tmp_path, [0, 1], [2, 3, 255], reduce_zero_label=True)
    assert check_set(maps, 'val_dataloader', 3) == []


def many(maps):
    """1,400 label maps, which take turns."""
    maps.files *= 1400 // len(maps)
    return maps


def test_many_masks_of_0_and_255(tmp_path):
    """The others may hold class 1, so they are not refused."""
    assert check_set(many(LabelMaps(tmp_path, [0, 255], [0])), 'val_dataloader', 2) == [
        'val_dataloader: the masks hold 0 and 255 alone in 1,000 of 1,400 label maps, and 255 '
        'is void, so that no pixel is of class 1; write 1 for 255: mask // 255'
    ]
    assert check_set(many(LabelMaps(tmp_path, [0, 255], [1])), 'val_dataloader', 2) == []


def test_a_class_that_many_label_maps_lack(tmp_path):
    assert check_set(many(LabelMaps(tmp_path, [0, 2], [0])), 'val_dataloader', 3) == [
        'val_dataloader: 1 class of 3 never occurs in 1,000 of 1,400 label maps (1): unless '
        f'the others hold them, {UNMEASURED}'
    ]


def test_many_label_maps_are_read_from_first_to_last(tmp_path):
    maps = LabelMaps(tmp_path, [0], [1], [2])
    zeros, ones, twos = maps.files
    maps.files = [ones] + [zeros] * 1400 + [twos]  # sorted
    assert check_set(maps, 'val_dataloader', 3) == []


@pytest.mark.parametrize(
    'labels, dtype, found',
    [
        ([0, 3], np.uint8, '3'),
        ([9, 254, 3, 3, 255], np.uint8, '3, 9, 254'),
        (range(9), np.uint8, '3, 4, 5, 6, 7'),
        ([0, 258], np.uint16, '258'),  # mmseg would read 2
    ],
)
@pytest.mark.parametrize('times', [1, 1400])
def test_labels_outside_the_classes(tmp_path, labels, dtype, found, times):
    maps = LabelMaps(tmp_path, [0, 1, 2])
    file = tmp_path / 'wrong.png'
    Image.fromarray(np.resize(np.array(labels, dtype), (4, 4))).save(file)
    maps.files = maps.files * times + [file]
    with pytest.raises(ConfigError) as error:
        check_set(maps, 'val_dataloader', 3)
    assert str(error.value) == (
        f"val_dataloader: '{file}' holds label {found}, but num_classes=3 (0 ... 2; 255 is "
        'void); convert the labels, or correct num_classes, or ignore_index of the data set'
    )


def test_labels_outside_the_classes_with_reduce_zero_label(tmp_path):
    maps = LabelMaps(tmp_path, [0, 1, 2, 3, 255], [4], reduce_zero_label=True)
    with pytest.raises(ConfigError) as error:
        check_set(maps, 'val_dataloader', 3)
    assert str(error.value) == (
        f"val_dataloader: '{maps.files[1]}' holds label 4, but num_classes=3 (1 ... 3 with "
        'reduce_zero_label=True; 255 is void); convert the labels, or correct num_classes, or '
        'ignore_index of the data set'
    )


@pytest.mark.parametrize('void', [0, 3, 254])
def test_another_label_for_void(tmp_path, void):
    maps = LabelMaps(tmp_path, [void, 0, 1, 2])
    maps.ignore_index = void
    assert check_set(maps, 'val_dataloader', 3) == []


class Halved:
    """A user's step, which may translate labels."""


def with_steps(maps, *steps):
    maps.pipeline = SimpleNamespace(transforms=steps)
    return maps


def test_steps_that_know_the_labels(tmp_path):
    maps = LabelMaps(tmp_path, [0, 2, 4, 9])
    assert check_set(with_steps(maps, Halved()), 'val_dataloader', 3) == []
    found = check_set(with_steps(maps, CheckLabels(3, ignore=9)), 'val_dataloader', 3)
    assert found == [f'val_dataloader: 1 class of 3 never occurs (1): {UNMEASURED}']


def test_bilevel_label_maps(tmp_path):
    maps = LabelMaps(tmp_path, [0, 1])
    Image.fromarray(np.eye(4, dtype=bool)).save(maps.files[0])
    assert check_set(maps, 'val_dataloader', 2) == []


def set_of_mmseg(folder, *values, **arguments):
    """A data set of mmseg with one image per label map."""
    mmseg = pytest.importorskip('mmseg.datasets')
    folder.mkdir()
    LabelMaps(folder, *values)
    for file in folder.iterdir():
        Image.new('RGB', (4, 4)).save(file.with_suffix('.jpg'))
    return mmseg.BaseSegDataset(
        data_root=str(folder),
        data_prefix=dict(img_path='', seg_map_path=''),
        metainfo=dict(classes=tuple('abc'), palette=[[0] * 3] * 3),
        pipeline=[
            dict(type='mmseg.LoadImageFromFile'),
            dict(type='mmseg.LoadAnnotations'),
            dict(type='mmseg.PackSegInputs'),
        ],
        **arguments,
    )


def test_sets_of_mmseg_in_one(tmp_path):
    parts = set_of_mmseg(tmp_path / 'a', [0, 1], [255]), set_of_mmseg(tmp_path / 'b', [0])
    both = ConcatDataset(parts)
    line = f'val_dataloader: 1 class of 3 never occurs (2): {UNMEASURED}'
    for dataset in (both, RepeatDataset(parts[0], 2)):
        assert check_set(dataset, 'val_dataloader', 3) == [line]
    assert check_set(torch.utils.data.ConcatDataset(parts), 'val_dataloader', 3) == []
    both = ConcatDataset([*parts, set_of_mmseg(tmp_path / 'c', [2])])
    assert check_set(both, 'val_dataloader', 3) == []
    both = ConcatDataset([*parts, set_of_mmseg(tmp_path / 'd', [3])])
    with pytest.raises(ConfigError, match=r"d/0.png' holds label 3, but num_classes=3"):
        check_set(both, 'val_dataloader', 3)


def test_sets_of_mmseg_that_mean_other_labels(tmp_path):
    parts = [
        set_of_mmseg(tmp_path / 'a', [0, 1]),
        set_of_mmseg(tmp_path / 'b', [9], ignore_index=9),
    ]
    assert check_set(ConcatDataset(parts), 'val_dataloader', 3) == []


def test_a_set_that_does_not_say_what_is_void(tmp_path):
    maps = LabelMaps(tmp_path, [0, 9])
    maps.dataset = object()  # a wrapper of it
    assert check_set(maps, 'val_dataloader', 3) == []


def test_it_counts_as_mmseg_reads(tmp_path):
    """Against its LoadAnnotations."""
    pytest.importorskip('mmseg')
    from mmseg.datasets.transforms import LoadAnnotations

    maps = LabelMaps(tmp_path, [0, 1, 5, 255, 254, 1], reduce_zero_label=True)
    counts = Occurrences(6, 255, shifted=True)
    counts.add(np.asarray(Image.open(maps.files[0])))
    info = maps.get_data_info(0) | dict(reduce_zero_label=True, seg_fields=[])
    read = LoadAnnotations()(info)['gt_seg_map']
    assert counts.counts.tolist() == [(read == k).sum() for k in range(6)]
    assert counts.voids == (read == 255).sum()


class Labelled:
    """A data set of images that knows all labels."""

    def __init__(self, labels):
        self.labels = labels

    def __getitem__(self, index):
        return {}


def test_a_negative_label():
    with pytest.raises(ConfigError) as error:
        check_set(Labelled([0, -1]), 'val_dataloader', 2)
    assert str(error.value) == (
        'val_dataloader holds label -1, but num_classes=2 (0 ... 1); convert the labels, or '
        'correct num_classes'
    )


def test_classification():
    assert check_set(Labelled([0, 1, 2]), 'val_dataloader', 3) == []
    found = check_set(Labelled([0] * 300), 'val_dataloader', 8)
    assert found == [
        f'val_dataloader: 7 classes of 8 never occur (1, 2, 3, 4, 5, ...): {UNMEASURED}'
    ]
    partial = Labelled([0])
    partial.is_partial = True
    assert check_set(partial, 'val_dataloader', 8) == []
