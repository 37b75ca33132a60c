"""Links, hidden files, and archives that are damaged or reach outside: folder and tar alike."""

import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from ssdkd.datasets import ImageFolder
from ssdkd.datasets.files import ImageFiles, to_rgb
from ssdkd.errors import ConfigError


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.new('RGB', (4, 4), (value, 0, 0)).save(file, 'png')
    return file.getvalue()


def values(dataset: ImageFolder) -> list[tuple[int, int]]:
    """Label and red of each image."""
    return [(item['data_samples'], int(item['inputs'][0, 0, 0])) for item in dataset]


def write(folder, **files):
    """Files of one colour by path, ``__`` for a slash."""
    for name, value in files.items():
        path = folder / (name.replace('__', '/') + '.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(value))


def pack(folder, target) -> str:
    """The same as ``val.tar``, links as links."""
    target.mkdir()
    with tarfile.open(target / 'val.tar', 'w') as tar:
        tar.add(folder, arcname='val')
    return str(target / 'val')


def archive(tmp_path, *members) -> str:
    """An archive of (name, value) files, and of (name, type, link) members."""
    with tarfile.open(tmp_path / 'val.tar', 'w') as tar:
        for name, *rest in members:
            member = tarfile.TarInfo(name)
            data = b''
            if isinstance(rest[0], int):
                data = png(rest[0])
                member.size = len(data)
            else:
                member.type, member.linkname = rest
            tar.addfile(member, io.BytesIO(data))
    return str(tmp_path / 'val')


@pytest.fixture(params=['folder', 'archive'])
def root_of(request, tmp_path):
    """What makes a data set's root of a folder: the folder itself, or its archive."""
    if request.param == 'folder':
        return str
    return lambda folder: pack(folder, tmp_path / 'packed')


def test_links_count_as_what_they_lead_to(tmp_path, root_of):
    val = tmp_path / 'val'
    write(val, ant__1=1, cat__1=2)
    (val / 'bee').symlink_to('cat')
    (val / 'cat/2.png').symlink_to('../ant/1.png')
    (val / 'ant/3.png').hardlink_to(val / 'cat/1.png')
    dataset = ImageFolder(root_of(val))
    assert dataset.metainfo['classes'] == ('ant', 'bee', 'cat')
    assert values(dataset) == [(0, 1), (0, 2), (1, 2), (1, 1), (2, 2), (2, 1)]


def test_folders_that_lie_elsewhere(tmp_path):
    write(tmp_path / 'store', x__1=3)
    write(tmp_path / 'val', ant__1=1)
    (tmp_path / 'val/bee').symlink_to(tmp_path / 'store/x')
    (tmp_path / 'link').symlink_to('val')
    assert values(ImageFolder(str(tmp_path / 'link'))) == [(0, 1), (1, 3)]


@pytest.mark.parametrize('target', ['..', '.', '../../val', 'loop'])
def test_links_in_a_circle(tmp_path, root_of, target):
    val = tmp_path / 'val'
    write(val, ant__1=1)
    (val / 'ant/loop').symlink_to(target)
    with pytest.raises(ConfigError, match='ant/loop.* (remove the link|is neither a file)'):
        ImageFolder(root_of(val))


def test_links_that_multiply(tmp_path, root_of, monkeypatch):
    monkeypatch.setattr('ssdkd.datasets.sources.MAX_FOLDERS', 1000)
    val = tmp_path / 'val'
    write(val, ant__1=1)
    for i in range(1, 25):
        (val / f'{i}').mkdir()
        for link in 'ab':
            (val / f'{i}/{link}').symlink_to(f'../{i - 1}' if i > 1 else '../ant')
    with pytest.raises(ConfigError, match='more than 1,000 folders lie in .*through links'):
        ImageFolder(root_of(val))


@pytest.mark.parametrize('name', ['bee', 'ant/2.png'])
@pytest.mark.parametrize('target', ['nowhere', '../../../../outside'])
def test_links_that_lead_nowhere(tmp_path, root_of, name, target):
    val = tmp_path / 'val'
    write(val, ant__1=1)
    (val / name).symlink_to(target)
    with pytest.raises(ConfigError, match=f'{name}.* is neither a file nor a folder'):
        ImageFolder(root_of(val))


def test_hidden_files_are_no_data(tmp_path, root_of):
    val = tmp_path / 'val'
    write(val, ant__1=1, bee__1=2)
    (val / '.ipynb_checkpoints').mkdir()
    (val / 'bee/.ipynb_checkpoints').mkdir()
    for name in ('__MACOSX/ant/._1', 'ant/._1', '.hidden/1', 'bee/.ipynb_checkpoints/1'):
        write(val, **{name: 9})
    (val / '.DS_Store').write_text('')
    (val / '.dangling').symlink_to('nowhere')
    dataset = ImageFolder(root_of(val))
    assert dataset.metainfo['classes'] == ('ant', 'bee')
    assert values(dataset) == [(0, 1), (1, 2)]


def test_every_folder_is_a_class(tmp_path, root_of):
    """Whether it is empty or holds no images."""
    val = tmp_path / 'val'
    write(val, bee__1=1, dog__deep__1=2)
    (val / 'ant').mkdir()
    (val / 'cat').mkdir()
    (val / 'cat/notes.txt').write_text('none yet')
    (val / 'README').write_text('about the data')
    dataset = ImageFolder(root_of(val))
    assert dataset.metainfo['classes'] == ('ant', 'bee', 'cat', 'dog')
    assert values(dataset) == [(1, 1), (3, 2)]


def test_folder_of_the_archives_own_name(tmp_path):
    """``val`` is a class where it stands beside others; files beside it are no class."""
    alone = archive(tmp_path, ('README', 0), ('./val/ant/1.png', 1))
    assert ImageFolder(alone).metainfo['classes'] == ('ant',)
    beside = archive(tmp_path, ('ant/1.png', 1), ('val/1.png', 2))
    assert ImageFolder(beside).metainfo['classes'] == ('ant', 'val')


def test_later_members_replace_earlier_ones(tmp_path):
    root = archive(tmp_path, ('ant/1.png', 1), ('ant/1.png', 2))
    assert values(ImageFolder(root)) == [(0, 2)]


@pytest.mark.parametrize('name', ['/val/ant/2.png', '../ant/2.png', 'val/../../ant/2.png'])
def test_members_outside_of_the_archive(tmp_path, name):
    with pytest.raises(ConfigError, match=f"val.tar' has the member '{name}'"):
        ImageFolder(archive(tmp_path, ('val/ant/1.png', 1), (name, 2)))


@pytest.mark.parametrize(
    'kind, target',
    [
        (tarfile.SYMTYPE, '/etc/hostname'),
        (tarfile.LNKTYPE, 'absent.png'),
        (tarfile.CHRTYPE, ''),
    ],
)
def test_members_that_are_no_images(tmp_path, kind, target):
    root = archive(tmp_path, ('val/ant/1.png', 1), ('val/ant/2.png', kind, target))
    with pytest.raises(ConfigError, match="'val/ant/2.png' of '.*val.tar' is neither a file"):
        ImageFolder(root)


@pytest.mark.parametrize('mode', ['gz', 'bz2', 'xz'])
def test_compressed_archive(tmp_path, mode):
    with tarfile.open(tmp_path / 'val.tar', f'w:{mode}'):
        pass
    with pytest.raises(
        ConfigError, match='val.tar.* cannot be read in place: it is compressed'
    ):
        ImageFolder(str(tmp_path / 'val'))


@pytest.mark.parametrize('damage', ['cut', 'cut in a header', 'no end', 'bits'])
def test_damaged_archive_is_not_a_smaller_one(tmp_path, damage):
    root = archive(tmp_path, ('ant/1.png', 1), ('bee/1.png', 2), ('cat/1.png', 3))
    path = tmp_path / 'val.tar'
    data = bytearray(path.read_bytes())
    third = 4 * 512  # each of the members has a block of header and one of data
    if damage == 'bits':
        data[third : third + 512] = bytes(255 - b for b in data[third : third + 512])
    else:
        ends = {'cut': third + 550, 'cut in a header': third + 100, 'no end': third}
        del data[ends[damage] :]
    path.write_bytes(data)
    with pytest.raises(
        ConfigError, match='val.tar.* cannot be read .*copy it or write it again'
    ):
        ImageFolder(root)


def test_unreadable_folder_is_no_smaller_set(tmp_path, monkeypatch):
    import os

    write(tmp_path / 'val', ant__1=1, bee__1=2)
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith('bee'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    with pytest.raises(ConfigError, match='cannot be read: .*Permission denied.*bee'):
        ImageFolder(str(tmp_path / 'val'))


# Kinds of images


def saved(tmp_path, image: Image.Image, suffix: str = 'png', **options) -> np.ndarray:
    """Its pixels [H, W, 3] after a file."""
    image.save(tmp_path / f'image.{suffix}', **options)
    return np.asarray(ImageFiles(str(tmp_path)).open(f'image.{suffix}'))


def test_16_bit_grey_is_scaled(tmp_path):
    grey = np.array([[0, 255, 256, 32768, 65535]])
    expected = [[[v] * 3 for v in (0, 0, 1, 128, 255)]]
    assert saved(tmp_path, Image.fromarray(grey.astype(np.uint16))).tolist() == expected
    deep = Image.fromarray(grey.astype(np.int32))  # as older versions of PIL open it
    assert deep.mode == 'I' and np.asarray(to_rgb(deep)).tolist() == expected
    for other in ((grey + 1).astype(np.int32), (grey - 1).astype(np.int32), np.float32(grey)):
        with pytest.raises(ValueError, match='more than 16 bits|float'):
            to_rgb(Image.fromarray(other))


def test_transparency_is_dropped(tmp_path, recwarn):
    colour = (200, 100, 50)
    assert saved(tmp_path, Image.new('RGBA', (2, 2), (*colour, 0)))[0, 0].tolist() == [*colour]
    assert saved(tmp_path, Image.new('LA', (2, 2), (77, 0)))[0, 0].tolist() == [77] * 3
    palette = Image.new('P', (2, 2), 1)
    palette.putpalette([0, 0, 0, *colour])
    pixels = saved(tmp_path, palette, transparency=bytes([255, 7]))
    assert pixels[0, 0].tolist() == [*colour]
    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]


def test_other_kinds_are_as_pil_converts_them(tmp_path):
    black_and_white = Image.fromarray(np.array([[True, False]]))
    assert saved(tmp_path, black_and_white).tolist() == [[[255] * 3, [0] * 3]]
    cmyk = Image.new('CMYK', (8, 8), (255, 0, 0, 0))
    assert saved(tmp_path, cmyk, 'jpg')[0, 0].tolist() == pytest.approx([0, 255, 255], abs=3)


def test_orientation_is_not_applied(tmp_path):
    """As torchvision's loader does it."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image = Image.new('RGB', (8, 4))
    assert saved(tmp_path, image, 'jpg', exif=exif).shape == (4, 8, 3)


# Broken images


def truncated() -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, 'jpeg')
    return file.getvalue()[:-900]


BROKEN = {'junk': b'no image', 'empty': b'', 'truncated': truncated()}


@pytest.fixture(params=BROKEN)
def broken(request, tmp_path):
    write(tmp_path / 'val', ant__1=1, bee__1=2)
    (tmp_path / 'val/bee/2.jpg').write_bytes(BROKEN[request.param])
    return tmp_path / 'val'


@pytest.mark.parametrize('image_size', [4, 66])
def test_broken_image_is_named_before_training(broken, tmp_path, image_size):
    with pytest.raises(
        ConfigError, match=r"^dataset: '.*val/bee/2.jpg' cannot be decoded"
    ) as e:
        ImageFolder(str(broken), image_size=image_size).check()
    assert '<_io' not in str(e.value)
    packed = ImageFolder(pack(broken, tmp_path / 'packed'), image_size=image_size)
    name = "member 'val/bee/2.jpg' of '.*packed/val.tar' cannot be decoded"
    with pytest.raises(ConfigError, match=name):
        packed.check()
    with pytest.raises(ConfigError, match=name):  # from a worker, too
        list(torch.utils.data.DataLoader(packed, batch_size=1, num_workers=1))


def test_headers_alone_of_many_images(broken, monkeypatch):
    monkeypatch.setattr('ssdkd.datasets.files.DECODED_AT_START', 2)
    dataset = ImageFolder(str(broken), image_size=66)
    if (broken / 'bee/2.jpg').stat().st_size > 100:  # truncated behind its header
        dataset.check()
    else:
        with pytest.raises(ConfigError, match='bee/2.jpg'):
            dataset.check()


def test_decompression_bomb(tmp_path, monkeypatch):
    write(tmp_path / 'val', ant__1=1)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 7)
    with pytest.raises(ConfigError, match='ant/1.png.* cannot be decoded .*DecompressionBomb'):
        ImageFolder(str(tmp_path / 'val')).check()
