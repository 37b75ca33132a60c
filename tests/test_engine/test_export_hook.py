"""What the export writes for networks of mmseg, without a run around it."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from ssdkd.engine.hooks import ExportHook
from ssdkd.models import Network

pytest.importorskip('mmseg')

MEAN, STD = [0.3, 0.4, 0.5], [0.2, 0.25, 0.3]
NORM = dict(type='SyncBN')  # as in most of mmseg's configs
SEGMENTOR = dict(
    type='mmseg',
    num_classes=3,
    model=dict(
        type='EncoderDecoder',
        backbone=dict(
            type='ResNetV1c',
            depth=18,
            base_channels=8,
            num_stages=1,
            out_indices=(0,),
            strides=(1,),
            dilations=(1,),
            norm_cfg=NORM,
        ),
        decode_head=dict(
            type='FCNHead',
            in_channels=8,
            in_index=0,
            channels=8,
            num_convs=1,
            num_classes=19,
            norm_cfg=NORM,
            align_corners=False,
        ),
        auxiliary_head=dict(type='FCNHead', in_channels=8, channels=8, num_classes=19),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    ),
)


def fake_runner(folder, network, dataset=None, cfg=None):
    loop = None
    if dataset is not None:
        loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))
    return SimpleNamespace(
        model=SimpleNamespace(student=network),
        work_dir=str(folder),
        val_loop=loop,
        train_dataloader=SimpleNamespace(dataset=SimpleNamespace(metainfo=None)),
        cfg=cfg,
        logger=logging.getLogger('test'),
    )


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network(SEGMENTOR, mean=MEAN, std=STD).eval()


def test_loads_into_mmseg_without_a_val_set(tmp_path, network):
    from mmseg.apis import inference_model, init_model

    ExportHook().after_train(fake_runner(tmp_path, network))
    rgb = np.random.default_rng(0).integers(0, 256, (40, 56, 3)).astype(np.uint8)
    files = [str(tmp_path / name) for name in ('student_mmseg.py', 'student.pth')]
    with DefaultScope.overwrite_default_scope('mmseg'):  # init_model leaves that one behind
        model = init_model(*files, device='cpu')
        logits = inference_model(model, rgb[..., ::-1].copy()).seg_logits.data
    state = torch.load(tmp_path / 'student.pth')['state_dict']
    model.load_state_dict(state, strict=True)
    assert state.keys() == network.model.state_dict().keys() == model.state_dict().keys()

    with torch.no_grad():
        # By hand from the pixels on, through the plain network.
        x = torch.from_numpy((rgb / 255 - MEAN) / STD).permute(2, 0, 1)[None].float()
        expected = F.interpolate(network.model(x), (40, 56), mode='bilinear')[0]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_classes_and_pipeline_are_those_of_the_val_set(tmp_path, network):
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(64, 48)),
        dict(type='LoadAnnotations'),
        dict(type='ssdkd.CheckLabels', num_classes=3),
        dict(type='PackSegInputs'),
    ]
    meta = dict(classes=('a', 'b', 'c'), palette=[[0, 0, 0], [1, 1, 1], [2, 2, 2]])
    cfg = Config(dict(val_dataloader=dict(dataset=dict(pipeline=pipeline))))
    dataset = SimpleNamespace(metainfo=meta)
    ExportHook().after_train(fake_runner(tmp_path, network, dataset, cfg))
    assert torch.load(tmp_path / 'student.pth')['meta'] == dict(dataset_meta=meta)
    written = Config.fromfile(tmp_path / 'student_mmseg.py').to_dict()
    assert written['test_pipeline'] == [pipeline[0], pipeline[1], pipeline[4]]
    assert 'auxiliary_head' not in written['model']
    assert written['model']['decode_head']['num_classes'] == 3
    assert len(cfg.val_dataloader.dataset.pipeline) == 5, 'the run needs its labels still'


def test_name_of_the_files(tmp_path, network):
    ExportHook(filename='small.pth').after_train(fake_runner(tmp_path, network))
    assert {p.name for p in tmp_path.iterdir()} == {'small.pth', 'small_mmseg.py'}


def test_other_networks_are_a_plain_state_dict(tmp_path):
    plain = nn.Conv2d(3, 4, 1)
    ExportHook().after_train(fake_runner(tmp_path, Network(plain)))
    assert {p.name for p in tmp_path.iterdir()} == {'student.pth'}
    state = torch.load(tmp_path / 'student.pth')
    assert state.keys() == {'weight', 'bias'} and torch.equal(state['weight'], plain.weight)
