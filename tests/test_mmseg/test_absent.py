"""Without mmsegmentation: what works, and the line that says what to install."""

import sys

import pytest
import torch
from test_networks import SMALL
from torchvision.models import get_model

import ssdkd.visualization
from ssdkd.apis import check_data, distill
from ssdkd.apis.check import check_config
from ssdkd.errors import ConfigError
from ssdkd.mmseg import dataset_facts, is_installed

INSTALL = "is of mmsegmentation, which is not installed; run pip install 'ssdkd[seg]'"


@pytest.fixture
def absent(monkeypatch):
    """No module of mmseg can be imported."""
    for name in [*sys.modules, 'mmseg']:
        if name.partition('.')[0] == 'mmseg':
            monkeypatch.setitem(sys.modules, name, None)
    assert not is_installed()


@pytest.mark.parametrize(
    'cfg',
    [
        dict(type='IoUMetric', _scope_='mmseg'),
        dict(type='mmseg.IoUMetric'),
        dict(type='mmseg.CityscapesDataset', data_root='data'),
        dict(type='mmseg.datasets.transforms.LoadAnnotations'),
    ],
)
def test_components_of_mmseg(absent, cfg):
    with pytest.raises(ConfigError) as error:
        check_config(dict(part=cfg))
    assert str(error.value) == f"part.type: '{cfg['type']}' {INSTALL}"
    with pytest.raises(ConfigError) as error:  # inside one of another package
        check_config(dict(dataset=dict(type='mmengine.ConcatDataset', datasets=[cfg])))
    assert str(error.value) == f"dataset.datasets.0.type: '{cfg['type']}' {INSTALL}"


def test_dotted_names_of_data_sets(tmp_path):
    """They are those of mmseg in other respects, too."""
    pytest.importorskip('mmseg')
    dataset = dict(type='mmseg.CityscapesDataset', data_root=str(tmp_path), pipeline=[])
    dataset['data_prefix'] = dict(img_path='img')
    cfg = dict(val_dataloader=dict(dataset=dataset))
    with pytest.raises(ConfigError, match="data_prefix.img_path: '.*img' is missing or empty"):
        check_data(cfg, 'val_dataloader')
    meta, pipeline = dataset_facts(cfg)
    assert meta['classes'][:2] == ('road', 'sidewalk') and pipeline == []


@pytest.mark.filterwarnings('ignore')
def test_segmentors_of_torchvision_train(absent, tmp_path, monkeypatch):
    """Only the measurement of mIoU needs mmseg."""
    monkeypatch.setattr(ssdkd.visualization, 'write_report', lambda folder: (folder / 'r', ''))
    networks = [
        get_model(
            'lraspp_mobilenet_v3_large', num_classes=3, weights=None, weights_backbone=None
        )
        for _ in range(2)
    ]
    arguments = dict(task='segmentation', num_classes=3, image_size=64, mean=0.5, std=0.25)
    arguments |= dict(SMALL, budget=1)
    before = networks[1].classifier.low_classifier.weight.detach().clone()
    result = distill(*networks, work_dir=tmp_path / 'run', **arguments)
    assert [h['round'] for h in result.history] == [1]
    assert not torch.equal(networks[1].classifier.low_classifier.weight, before)
    masks = torch.zeros(2, 64, 64, dtype=torch.int64)
    with pytest.raises(ConfigError) as error:
        distill(
            *networks,
            val_loader=[(torch.rand(2, 3, 64, 64), masks)],
            work_dir=tmp_path / 'other',
            **arguments,
        )
    assert str(error.value) == (
        'val_loader: mmsegmentation measures mIoU, and is not installed; run pip install '
        "'ssdkd[seg]', or leave val_loader out"
    )
    assert not (tmp_path / 'other').exists()
