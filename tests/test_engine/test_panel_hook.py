"""Panels of a tiny test run, against pictures painted by hand."""

import numpy as np
import pytest
import torch
from helpers import build_runner
from mmengine.config import Config
from PIL import Image
from segmentation_data import split_tree

from ssdkd.registry import MODELS
from ssdkd.visualization.panels import GAP, HEADER

pytest.importorskip('mmseg')

PALETTE = [[20 * i, 255 - 20 * i, 7 * i] for i in range(11)]
NETWORK = dict(
    type='module', path='torch.nn.Conv2d', in_channels=3, out_channels=11, kernel_size=1
)


def predictor(seed):
    torch.manual_seed(seed)
    network = dict(model=MODELS.build(NETWORK))
    return dict(
        type='Predictor', network=network, task=dict(type='Segmentation', num_classes=11)
    )


def panels_of_a_run(folder, teacher):
    """Run the test loop with the hook; the folder of its pictures."""
    dataset = dict(
        type='BaseSegDataset',
        _scope_='mmseg',
        data_root=str(folder / 'tree'),
        data_prefix=dict(img_path='img_dir/val', seg_map_path='ann_dir/val'),
        metainfo=dict(classes=tuple('abcdefghijk'), palette=PALETTE),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(40, 30)),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )
    cfg = Config(
        dict(
            default_scope='ssdkd',
            work_dir=str(folder / 'run'),
            test_dataloader=dict(
                dataset=dataset, batch_size=3, sampler=dict(type='DefaultSampler')
            ),
            test_evaluator=dict(type='IoUMetric', _scope_='mmseg'),
            test_cfg=dict(type='TestLoop'),
        )
    )
    cfg.test_dataloader.sampler.shuffle = False
    cfg.custom_hooks = [dict(type='PanelHook', out_dir=str(folder / 'panels'), teacher=teacher)]
    cfg.model = predictor(0)
    build_runner(cfg).test()
    return folder / 'panels'


def columns(path, names):
    panel = np.asarray(Image.open(path))[HEADER:]
    width = (panel.shape[1] + GAP) // len(names) - GAP
    return {name: panel[:, i * (width + GAP) :][:, :width] for i, name in enumerate(names)}


def painted(seed, image):
    """The network's prediction for an image, resized there and back by PIL and torch."""
    import mmcv

    small = mmcv.imresize(np.asarray(image), (40, 30))
    network = MODELS.build(predictor(seed)).network
    x = torch.from_numpy(small).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        logits = torch.nn.functional.interpolate(network(x), image.size[::-1], mode='bilinear')
    return np.array(PALETTE, np.uint8)[logits[0].argmax(0).numpy()]


@pytest.mark.parametrize('with_teacher', [False, True])
def test_panels(tmp_path, with_teacher):
    tree = split_tree(tmp_path / 'tree', ('val',), 11)  # four images in batches of three
    folder = panels_of_a_run(tmp_path, predictor(1) if with_teacher else None)
    assert [p.name for p in sorted(folder.iterdir())] == [f'000{i}.png' for i in range(4)]
    names = ['image', 'prediction', *['teacher'] * with_teacher, 'truth']
    for path in sorted(folder.iterdir()):
        shown = columns(path, names)
        image = Image.open(tree / f'img_dir/val/{path.stem}.jpg')
        np.testing.assert_array_equal(shown['image'], np.asarray(image))
        labels = np.asarray(Image.open(tree / f'ann_dir/val/{path.stem}.png'))
        colours = np.vstack([np.array(PALETTE), np.zeros((245, 3))])
        np.testing.assert_array_equal(shown['truth'], colours[labels])
        for seed, role in enumerate(names[1:-1]):
            agreeing = (shown[role] == painted(seed, image)).all(-1).mean()
            assert agreeing > 0.99, (role, agreeing)
        if with_teacher:
            assert (shown['prediction'] != shown['teacher']).any()
