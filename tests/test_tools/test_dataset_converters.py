"""The converters write what the dataset configs read."""

import gzip
import io
import re
import sys
import tarfile

import numpy as np
import pytest
from helpers import call_tool
from PIL import Image

pytest.importorskip('h5py')
from segmentation_data import nyuv2_source

NYUV2 = 'dataset_converters/nyuv2.py'
CAMVID = 'dataset_converters/camvid.py'


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


def fails(capsys, source, target=None, tool=NYUV2) -> str:
    """The error of a conversion that leaves nothing behind."""
    args = [source] if target is None else [source, target]
    with pytest.raises(SystemExit) as info:
        call_tool(tool, *args)
    assert info.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert target is None or not list(target.parent.glob(f'{target.name}*'))
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
    assert "pip install 'ssdkd[seg]'" in fails(capsys, tmp_path)


SPOILT_MAPPINGS = {
    'negative class': ('class13Mapping.mat', 'labels13', -1, 'maps to class -1'),
    'class above 13': ('class13Mapping.mat', 'labels13', 14, 'maps to class 14'),
    'half a class': ('classMapping40.mat', 'mapClass', 1.5, 'maps to class 1.5'),
    'negative class of 40': ('classMapping40.mat', 'mapClass', -2, 'maps to class -2'),
    'image 0': ('splits.mat', 'testNdxs', 0, 'splits.mat names image 0, but integers from 1'),
    'image twice': ('splits.mat', 'testNdxs', 2, 'names image 2 twice'),
    'no number': ('splits.mat', 'testNdxs', float('nan'), 'names image nan'),
}


@pytest.mark.parametrize('case', SPOILT_MAPPINGS)
def test_nyuv2_with_numbers_that_are_none(tmp_path, capsys, case):
    from scipy.io import loadmat, savemat

    nyuv2_source(tmp_path / 'source')
    file, key, value, message = SPOILT_MAPPINGS[case]
    path = tmp_path / 'source' / file
    content = {k: v for k, v in loadmat(path).items() if not k.startswith('__')}
    if key == 'labels13':
        spoilt = content['classMapping13']['labels13'][0, 0].astype(float)
        content = dict(classMapping13=dict(labels13=spoilt))
    else:
        spoilt = content[key] = content[key].astype(float)
    spoilt.flat[0] = value
    savemat(path, content)
    error = fails(capsys, tmp_path / 'source', tmp_path / 'nyuv2')
    assert file in error and message in error


SPOILT_DATA = {
    'labels of another size': lambda images, labels: (images, labels[:, :-1]),
    'labels of fewer images': lambda images, labels: (images, labels[:-1]),
    'float images': lambda images, labels: (images / 255, labels),
    'float labels': lambda images, labels: (images, labels / 2),
    'grey images': lambda images, labels: (images[:, :1], labels),
    'no arrays': lambda images, labels: (0, 0),
    'negative labels': lambda images, labels: (images, -labels.astype(int)),
}


@pytest.mark.parametrize('case', SPOILT_DATA)
def test_nyuv2_with_arrays_that_do_not_fit(tmp_path, capsys, case):
    import h5py

    nyuv2_source(tmp_path / 'source')
    with h5py.File(tmp_path / 'source/nyu_depth_v2_labeled.mat', 'r+') as file:
        arrays = SPOILT_DATA[case](file['images'][:], file['labels'][:])
        for key, array in zip(('images', 'labels'), arrays):
            del file[key]
            file[key] = array
    error = fails(capsys, tmp_path / 'source', tmp_path / 'nyuv2')
    assert ('has label -894' if case == 'negative labels' else 'expected') in error


def test_nyuv2_of_gigantic_images(tmp_path, capsys):
    import h5py

    nyuv2_source(tmp_path / 'source')
    with h5py.File(tmp_path / 'source/nyu_depth_v2_labeled.mat', 'w') as file:
        for key, form in dict(images=(5, 3, 10**6, 10**6), labels=(5, 10**6, 10**6)).items():
            file.create_dataset(key, form, 'u1', chunks=True)  # takes no space
    assert "'images' of form" in fails(capsys, tmp_path / 'source', tmp_path / 'nyuv2')


def test_nyuv2_truncated(tmp_path, capsys):
    nyuv2_source(tmp_path / 'source')
    path = tmp_path / 'source/nyu_depth_v2_labeled.mat'
    path.write_bytes(path.read_bytes()[:-500])
    error = fails(capsys, tmp_path / 'source', tmp_path / 'nyuv2')
    assert 'nyu_depth_v2_labeled.mat' in error and 'download' in error


def test_target_that_holds_something(tmp_path, capsys):
    nyuv2_source(tmp_path / 'source')
    (tmp_path / 'nyuv2').mkdir()
    call_tool(NYUV2, tmp_path / 'source', tmp_path / 'nyuv2')  # an empty one will do
    with pytest.raises(SystemExit):
        call_tool(NYUV2, tmp_path / 'source', tmp_path / 'nyuv2')
    assert "nyuv2' is not empty; remove it" in capsys.readouterr().err


def test_after_a_killed_conversion(tmp_path):
    nyuv2_source(tmp_path / 'source')
    stale = tmp_path / 'nyuv2.partial/img_dir/train/0003.jpg'
    stale.parent.mkdir(parents=True)
    stale.write_text('of a conversion that was killed')
    call_tool(NYUV2, tmp_path / 'source', tmp_path / 'nyuv2')
    assert {p.name for p in tmp_path.iterdir()} == {'source', 'nyuv2'}
    assert len(list((tmp_path / 'nyuv2').rglob('*.jpg'))) == 5


# CamVid


def encoded(pixels, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(file, kind)
    return file.getvalue()


def camvid_files(split: str) -> dict[str, bytes]:
    rng = np.random.default_rng(len(split))
    files = {}
    for name in 'ab':
        image = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
        labels = rng.choice([0, 5, 10, 255], (6, 8)).astype(np.uint8)
        files[f'img_dir/{split}/{name}.jpg'] = encoded(image, 'jpeg')
        files[f'ann_dir/{split}/{name}.png'] = encoded(labels, 'png')
    return files


def camvid_source(folder, spoilt=None, links=()):
    """train.tar and val.tar; ``spoilt`` replaces files of val.tar, None takes one out."""
    folder.mkdir(exist_ok=True)
    for split in ('train', 'val'):
        files = camvid_files(split) | ((spoilt or {}) if split == 'val' else {})
        with tarfile.open(folder / f'{split}.tar', 'w') as tar:
            for name, data in files.items():
                if data is not None:
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
            for name, kind, target in links if split == 'val' else ():
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, target
                tar.addfile(member)
    return folder


def test_camvid(tmp_path, capsys):
    hidden = {'img_dir/val/._a.jpg': b'of a desktop'}
    call_tool(CAMVID, camvid_source(tmp_path / 'source', hidden), tmp_path / 'camvid')
    out = capsys.readouterr().out
    assert 'train: 2 images, 2 label maps' in out and 'val: 2 images, 2 label maps' in out
    written = {
        p.relative_to(tmp_path / 'camvid').as_posix(): p.read_bytes()
        for p in (tmp_path / 'camvid').rglob('*.*')
    }
    assert written == camvid_files('train') | camvid_files('val')


JPEG, PNG = 'img_dir/val/b.jpg', 'ann_dir/val/b.png'
GREY = np.zeros((6, 8), np.uint8)
SPOILT_CAMVID = {
    'missing label map': ({PNG: None}, "only one of image and label map for 'b'"),
    'no images': (dict.fromkeys(camvid_files('val')), "val.tar' has no images"),
    'junk': ({JPEG: b'no image'}, f"member '{JPEG}' of '.*val.tar' cannot be decoded"),
    'truncated': (
        {JPEG: camvid_files('val')[JPEG][:-40]},
        f"member '{JPEG}' of '.*val.tar' cannot be decoded",
    ),
    'size': ({PNG: encoded(GREY[:5], 'png')}, 'label map of 8x5 pixels, but .* 8x6'),
    'class': ({PNG: encoded(GREY + 11, 'png')}, 'holds label 11, but there are 11'),
    '16 bits': ({PNG: encoded(GREY + np.uint16(256), 'png')}, 'holds label 256'),
    'colours': ({PNG: encoded(np.stack([GREY] * 3, -1), 'png')}, r'of shape \[6, 8, 3\]'),
    'other file': ({'img_dir/val/run.sh': b'#!'}, 'run.sh.* is neither img_dir/val/'),
    'other split': ({'img_dir/test/a.jpg': b''}, 'img_dir/test/a.jpg.* is neither'),
    'parent': ({'img_dir/val/../../../x.jpg': b''}, 'outside of the folder'),
    'absolute': ({'/img_dir/val/x.jpg': b''}, 'outside of the folder'),
}


@pytest.mark.parametrize('case', SPOILT_CAMVID)
def test_camvid_with_files_that_do_not_fit(tmp_path, capsys, case):
    files, message = SPOILT_CAMVID[case]
    source = camvid_source(tmp_path / 'source', files)
    error = fails(capsys, source, tmp_path / 'camvid', CAMVID)
    assert re.search(message, error), error


@pytest.mark.parametrize(
    'kind, target',
    [
        (tarfile.SYMTYPE, '/etc/hostname'),
        (tarfile.SYMTYPE, '../../../secret.jpg'),
        (tarfile.LNKTYPE, '../secret.jpg'),
        (tarfile.CHRTYPE, ''),
        (tarfile.FIFOTYPE, ''),
    ],
)
def test_camvid_with_links_and_devices(tmp_path, capsys, kind, target):
    source = camvid_source(tmp_path / 'source', links=[('img_dir/val/c.jpg', kind, target)])
    error = fails(capsys, source, tmp_path / 'camvid', CAMVID)
    assert "member 'img_dir/val/c.jpg' of" in error and 'is neither a file nor' in error


@pytest.mark.parametrize('damage', ['missing', 'junk', 'truncated', 'bits', 'compressed'])
def test_camvid_with_a_broken_archive(tmp_path, capsys, damage):
    source = camvid_source(tmp_path / 'source')
    path = source / 'val.tar'
    data = bytearray(path.read_bytes())
    if damage == 'missing':
        path.unlink()
    elif damage == 'junk':
        path.write_bytes(b'no archive' * 200)
    elif damage == 'truncated':
        path.write_bytes(data[:1800])
    elif damage == 'bits':
        start = data.index(b'img_dir/val/b.jpg')
        data[start : start + 512] = bytes(255 - b for b in data[start : start + 512])
        path.write_bytes(data)
    else:
        path.write_bytes(gzip.compress(data))
    assert 'val.tar' in fails(capsys, source, tmp_path / 'camvid', CAMVID)


def test_camvid_with_a_gigantic_member(tmp_path, capsys):
    source = camvid_source(tmp_path / 'source')
    member = tarfile.TarInfo('img_dir/val/c.jpg')
    member.size = 2**27
    with open(source / 'val.tar', 'wb') as file:  # a hole: it takes no space
        file.write(member.tobuf())
        file.truncate(512 + 2**27 + 1024)
    assert '134,217,728 bytes' in fails(capsys, source, tmp_path / 'camvid', CAMVID)
