"""Label maps that a task cannot mean are refused, by name."""

import numpy as np
import pytest

from ssdkd.datasets import CheckLabels
from ssdkd.errors import ConfigError


def results(labels):
    labels = np.array(labels, np.uint8)
    return dict(gt_seg_map=labels, seg_map_path='ann_dir/val/7.png', other=1)


def test_classes_and_void_pass_untouched():
    given = results([[0, 1], [2, 255]])
    labels = given['gt_seg_map'].copy()
    passed = CheckLabels(num_classes=3)(given)
    assert passed is given and passed['other'] == 1
    np.testing.assert_array_equal(passed['gt_seg_map'], labels)


@pytest.mark.parametrize(
    'labels, found',
    [
        ([[0, 3], [2, 255]], 'holds label 3, but there are 3 classes'),
        ([[254, 3], [9, 3]], 'holds label 3, 9, 254, but'),
        (np.arange(100).reshape(10, 10), 'holds label 3, 4, 5, 6, 7, but'),
    ],
)
def test_labels_outside_the_classes(labels, found):
    with pytest.raises(ConfigError, match=f"'ann_dir/val/7.png' {found}.*convert the label"):
        CheckLabels(num_classes=3)(results(labels))


def test_other_label_for_void():
    with pytest.raises(ConfigError, match='holds label 255.*0 is ignored'):
        CheckLabels(num_classes=3, ignore=0)(results([[0, 255]]))
    CheckLabels(num_classes=3, ignore=9)(results([[0, 9]]))


def test_step_of_an_mmseg_pipeline(tmp_path):
    mmseg = pytest.importorskip('mmseg.datasets')
    from PIL import Image

    for name, labels in (('good', [[0, 2], [255, 1]]), ('wrong', [[0, 3], [255, 1]])):
        for kind, suffix in (('img', 'jpg'), ('ann', 'png')):
            (tmp_path / kind).mkdir(exist_ok=True)
            picture = Image.fromarray(np.array(labels, np.uint8))
            picture.convert('RGB' if kind == 'img' else 'L').save(
                tmp_path / kind / f'{name}.{suffix}'
            )
    dataset = mmseg.BaseSegDataset(
        data_root=str(tmp_path),
        data_prefix=dict(img_path='img', seg_map_path='ann'),
        metainfo=dict(classes='abc', palette=[[0] * 3] * 3),
        pipeline=[
            dict(type='mmseg.LoadImageFromFile'),
            dict(type='mmseg.LoadAnnotations'),
            dict(type='ssdkd.CheckLabels', num_classes=3),
        ],
    )
    assert dataset[0]['gt_seg_map'].tolist() == [[0, 2], [255, 1]]
    with pytest.raises(ConfigError, match='wrong.png. holds label 3'):
        dataset[1]


def label_map(folder, labels, dtype=np.uint8) -> dict:
    """What the pipeline knows after a label map was read from a PNG."""
    from PIL import Image

    Image.fromarray(np.array(labels, dtype)).save(folder / 'map.png')
    array = np.array(Image.open(folder / 'map.png')).astype(np.uint8)  # as mmseg does it
    return dict(gt_seg_map=array, seg_map_path=str(folder / 'map.png'))


def test_label_maps_of_16_bits(tmp_path):
    CheckLabels(num_classes=3)(label_map(tmp_path, [[0, 2, 255]], np.uint16))
    with pytest.raises(ConfigError, match="map.png' holds label 256, 513, but there are 3"):
        CheckLabels(num_classes=3)(label_map(tmp_path, [[256, 513, 2]], np.uint16))


def test_coloured_label_maps(tmp_path):
    with pytest.raises(ConfigError, match=r"map.png' is a label map of shape \[1, 1, 3\].*one"):
        CheckLabels(num_classes=3)(label_map(tmp_path, [[[0, 1, 2]]]))


@pytest.mark.parametrize('labels, dtype', [([[-1, 0]], np.int32), ([[0.5, 0]], np.float32)])
def test_labels_that_are_no_index(labels, dtype):
    given = dict(gt_seg_map=np.array(labels, dtype), seg_map_path='7.png')
    with pytest.raises(ConfigError, match="'7.png' holds label (-1|0.5), but"):
        CheckLabels(num_classes=3)(given)


def test_label_map_of_another_size():
    given = results([[0, 1], [2, 0]])
    for key in ('ori_shape', 'img_shape'):
        CheckLabels(num_classes=3)(given | {'ori_shape': (4, 4), key: (2, 2)})
    with pytest.raises(ConfigError, match='label map of 2x2 pixels, but its image has 5x4'):
        CheckLabels(num_classes=3)(given | dict(ori_shape=(4, 5), img_shape=(8, 10)))
