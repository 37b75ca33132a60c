"""Absent data is found before anything is built."""

import pytest

import ssdkd  # noqa: F401
from ssdkd.apis import check_data
from ssdkd.errors import ConfigError


def config(root, **dataset) -> dict:
    prefix = dict(img_path='img', seg_map_path='ann')
    return dict(
        val_dataloader=dict(
            dataset=dict(_scope_='mmseg', data_root=str(root), data_prefix=prefix) | dataset
        )
    )


@pytest.fixture
def root(tmp_path):
    for folder in ('img', 'ann'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'x').touch()
    return tmp_path


def test_complete_data_passes(root):
    (root / 'val.txt').write_text('x\n')
    check_data(config(root, ann_file='val.txt'), 'val_dataloader', 'train_dataloader')


def test_missing_folder(root):
    message = r"val_dataloader.dataset.data_prefix.seg_map_path: '.*labels' is missing or empty"
    with pytest.raises(ConfigError, match=message):
        prefix = dict(img_path='img', seg_map_path='labels')
        check_data(config(root, data_prefix=prefix), 'val_dataloader')


def test_empty_folder(root):
    (root / 'img/x').unlink()
    message = 'img_path.*is missing or empty; get the data as docs/data.md describes'
    with pytest.raises(ConfigError, match=message):
        check_data(config(root), 'val_dataloader')


def test_missing_list(root):
    with pytest.raises(ConfigError, match='val_dataloader.dataset.ann_file: .*val.txt'):
        check_data(config(root, ann_file='val.txt'), 'val_dataloader')


def test_other_data_sets_look_after_themselves():
    check_data(dict(val_dataloader=dict(dataset=dict(type='Digits'))), 'val_dataloader')
    check_data(dict(val_dataloader=None), 'val_dataloader')
