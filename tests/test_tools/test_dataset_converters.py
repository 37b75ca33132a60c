"""The converters write what the dataset configs read."""

import sys

import numpy as np
import pytest
from helpers import call_tool
from PIL import Image

pytest.importorskip('h5py')
from segmentation_data import nyuv2_source

NYUV2 = 'dataset_converters/nyuv2.py'


def test_nyuv2(tmp_path, capsys):
    images, labels = nyuv2_source(tmp_path / 'source')
    call_tool(NYUV2, tmp_path / 'source', tmp_path / 'nyuv2')
    out = capsys.readouterr().out
    assert 'train: 2 images' in out and 'test: 3 images' in out
    for split, indices in dict(train=[2, 5], test=[1, 3, 4]).items():
        names = [f'{i:04d}' for i in indices]
        for kind, suffix in (('img_dir', 'jpg'), ('ann_dir', 'png')):
            files = sorted((tmp_path / 'nyuv2' / kind / split).iterdir())
            assert [f.name for f in files] == [f'{n}.{suffix}' for n in names]
        for i, name in zip(indices, names):
            image = Image.open(tmp_path / f'nyuv2/img_dir/{split}/{name}.jpg')
            image = np.asarray(image).astype(int)
            assert image.shape == (8, 12, 3)
            assert abs(image - images[i - 1]).mean() < 3  # JPEG
            written = Image.open(tmp_path / f'nyuv2/ann_dir/{split}/{name}.png')
            wanted = (labels[i - 1].astype(int) - 1) % 40 % 13
            wanted[labels[i - 1] == 0] = 255
            assert written.mode == 'L' and (np.asarray(written) == wanted).all()


def fails(capsys, *args) -> str:
    with pytest.raises(SystemExit) as info:
        call_tool(NYUV2, *args)
    assert info.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    return error


@pytest.mark.parametrize(
    'file',
    ['nyu_depth_v2_labeled.mat', 'splits.mat', 'classMapping40.mat', 'class13Mapping.mat'],
)
def test_nyuv2_with_a_missing_or_broken_file(tmp_path, capsys, file):
    source = tmp_path / 'source'
    nyuv2_source(source)
    (source / file).write_bytes(b'no .mat file, ' * 50)
    assert file in fails(capsys, source, tmp_path / 'nyuv2')
    (source / file).unlink()
    assert file in fails(capsys, source, tmp_path / 'nyuv2')


def test_nyuv2_with_the_files_mixed_up(tmp_path, capsys):
    source = tmp_path / 'source'
    nyuv2_source(source)
    good = (source / 'splits.mat').read_bytes()
    (source / 'splits.mat').write_bytes((source / 'classMapping40.mat').read_bytes())
    assert "has no variable 'trainNdxs'" in fails(capsys, source, tmp_path / 'nyuv2')
    from scipy.io import savemat

    savemat(source / 'splits.mat', dict(trainNdxs=[[1449]], testNdxs=[[1]]))
    assert 'names image 1449' in fails(capsys, source, tmp_path / 'nyuv2')
    (source / 'splits.mat').write_bytes(good)
    savemat(source / 'classMapping40.mat', dict(mapClass=np.ones((1, 40))))
    error = fails(capsys, source, tmp_path / 'nyuv2')
    assert 'has label 894, but classMapping40.mat maps 40 classes' in error


def test_nyuv2_without_h5py(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'h5py', None)
    assert 'pip install -r requirements/seg.txt' in fails(capsys, tmp_path)
