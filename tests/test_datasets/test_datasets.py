"""Evaluation data: fixed splits, folder and archive alike, and errors that name the path."""

import json
import pickle
import tarfile
import urllib.error

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader

import ssdkd  # noqa: F401
from ssdkd.datasets import Cifar, Digits, ImageFolder, LabelledImages
from ssdkd.errors import ConfigError
from ssdkd.registry import DATASETS


def check_item(item: dict, height: int, width: int) -> None:
    assert set(item) == {'inputs', 'data_samples'}
    assert item['inputs'].dtype == torch.uint8
    assert item['inputs'].shape == (3, height, width)
    assert type(item['data_samples']) is int


def identical(first, second) -> bool:
    return len(first) == len(second) and all(
        torch.equal(a['inputs'], b['inputs']) and a['data_samples'] == b['data_samples']
        for a, b in zip((first[i] for i in range(len(first))), second)
    )


# Digits


def test_digits_lengths_labels_and_fixed_split():
    train, val = Digits('train', 8), Digits('val', 8)
    assert (len(train), len(val)) == (1437, 360)
    assert np.bincount(val.labels).tolist() == [36, 36, 35, 37, 36, 37, 36, 36, 35, 36]
    assert val.labels[:10] == Digits('val', 8).labels[:10]
    assert val.metainfo['classes'] == tuple('0123456789')
    check_item(train[0], 8, 8)


def test_digits_splits_are_the_whole_set_once():
    from sklearn.datasets import load_digits

    images = torch.cat([Digits('train', 8).images, Digits('val', 8).images])[:, 0]
    expected = np.round(load_digits().images * 255 / 16).astype(np.uint8)
    ours = sorted(image.numpy().tobytes() for image in images)
    assert ours == sorted(image.tobytes() for image in expected)


def test_digits_size_and_channels():
    image = Digits('val', image_size=20)[3]['inputs']
    check_item(Digits('val', image_size=20)[3], 20, 20)
    assert torch.equal(image[0], image[1]) and torch.equal(image[0], image[2])
    assert image.max() > 200 and image.min() == 0


def test_digits_unknown_split():
    with pytest.raises(ConfigError, match="key 'split' is 'test'"):
        Digits('test')


# A folder and its archive


@pytest.fixture
def tree(tmp_path):
    """Two classes of noise images of various sizes, below ``val``."""
    rng = np.random.default_rng(0)
    sizes = [(32, 32), (32, 32), (40, 56), (100, 70)]
    for label in ('cat', 'ant'):
        folder = tmp_path / 'val' / label
        folder.mkdir(parents=True)
        for i, size in enumerate(sizes):
            pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f'{i}.png')
    (tmp_path / 'val' / 'cat' / 'notes.txt').write_text('no image')
    return tmp_path / 'val'


def archive_of(folder, target, prefix):
    target.mkdir()
    with tarfile.open(target / 'val.tar', 'w') as tar:
        tar.add(folder, arcname=prefix or '.')
    return str(target / 'val')


@pytest.mark.parametrize('prefix', ['val', './val', '.'])
@pytest.mark.parametrize('sizes', [dict(image_size=32), dict(image_size=72, resize=80)])
def test_archive_equals_folder(tree, tmp_path, prefix, sizes):
    folder = ImageFolder(str(tree), **sizes)
    archive = ImageFolder(archive_of(tree, tmp_path / 'packed', prefix), **sizes)
    assert len(folder) == 8
    assert folder.metainfo == archive.metainfo == dict(classes=('ant', 'cat'))
    assert folder.labels == [0] * 4 + [1] * 4
    assert identical(folder, archive)
    check_item(archive[7], sizes['image_size'], sizes['image_size'])


def test_pixels_are_those_of_the_file(tree):
    pixels = np.asarray(Image.open(tree / 'cat' / '1.png')).transpose(2, 0, 1)
    for image_size in (32, None):
        dataset = ImageFolder(str(tree), image_size=image_size)
        assert np.array_equal(dataset[5]['inputs'].numpy(), pixels)


def test_resize_and_crop_are_those_of_torchvision(tree):
    from torchvision import transforms

    dataset = ImageFolder(str(tree), image_size=66, resize=80)
    usual = transforms.Compose(
        [
            transforms.Resize(80, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(66),
            transforms.PILToTensor(),
        ]
    )
    expected = usual(Image.open(tree / 'ant' / '3.png'))
    assert torch.equal(dataset[3]['inputs'], expected)


def test_small_images_are_decoded_once(tree, monkeypatch):
    dataset = ImageFolder(str(tree), image_size=32)
    first = dataset[0]['inputs']
    monkeypatch.setattr(dataset.files, 'open', None)
    assert torch.equal(dataset[0]['inputs'], first)


def test_archive_can_go_to_loader_workers(tree, tmp_path):
    root = archive_of(tree, tmp_path / 'packed', 'val')
    dataset = pickle.loads(pickle.dumps(ImageFolder(root, image_size=72, resize=80)))
    batches = list(DataLoader(dataset, batch_size=3, num_workers=2))
    assert [len(b['data_samples']) for b in batches] == [3, 3, 2]
    assert torch.equal(batches[2]['inputs'][1], dataset[7]['inputs'])


def test_missing_root(tmp_path):
    with pytest.raises(ConfigError, match="key 'root' is '.*absent'.*absent.tar"):
        ImageFolder(str(tmp_path / 'absent'))


def test_root_without_images_or_classes(tmp_path):
    with pytest.raises(ConfigError, match="key 'root' is .* which holds no images"):
        ImageFolder(str(tmp_path))
    Image.new('RGB', (4, 4)).save(tmp_path / 'a.png')
    with pytest.raises(ConfigError, match='in no class folder'):
        ImageFolder(str(tmp_path))


def test_broken_archive(tmp_path):
    (tmp_path / 'val.tar').write_bytes(b'no archive' * 200)
    with pytest.raises(ConfigError, match='val.tar.* cannot be read'):
        ImageFolder(str(tmp_path / 'val'))


# A json file of labels


def write_labels(path, table) -> str:
    path.write_text(json.dumps(table))
    return str(path)


def test_labelled_images(tree, tmp_path):
    labels = write_labels(tmp_path / 'labels.json', {'cat/3.png': 7, 'ant/0.png': 2})
    dataset = LabelledImages(str(tree), labels, image_size=24, resize=30)
    archive = archive_of(tree, tmp_path / 'packed', 'val')
    assert identical(dataset, LabelledImages(archive, labels, image_size=24, resize=30))
    assert [dataset[i]['data_samples'] for i in range(2)] == [2, 7]
    assert len(dataset.metainfo['classes']) == 8
    check_item(dataset[1], 24, 24)


def test_labels_without_image(tree, tmp_path):
    labels = write_labels(tmp_path / 'labels.json', {'cat/3.png': 7, 'cat/9.png': 2})
    with pytest.raises(ConfigError, match=r"key 'labels' is .* 1 images .*cat/9.png"):
        LabelledImages(str(tree), labels)


@pytest.mark.parametrize('content', [None, '{', '[]', '{}'])
def test_unreadable_labels(tree, tmp_path, content):
    if content is not None:
        (tmp_path / 'labels.json').write_text(content)
    with pytest.raises(ConfigError, match="key 'labels' is '.*labels.json'"):
        LabelledImages(str(tree), str(tmp_path / 'labels.json'))


# CIFAR


def test_cifar_takes_torchvisions_arrays(monkeypatch):
    class Stored:
        classes = ['airplane', 'automobile']

        def __init__(self, root, train, download):
            self.data = np.arange(2 * 32 * 32 * 3).astype(np.uint8).reshape(2, 32, 32, 3)
            self.targets = [int(train), 0]

    monkeypatch.setattr(torchvision.datasets, 'CIFAR10', Stored)
    dataset = Cifar('data', split='val')
    check_item(dataset[1], 32, 32)
    assert dataset.labels == [0, 0] and Cifar('data', split='train').labels == [1, 0]
    assert dataset[0]['inputs'][:, 0, 1].tolist() == [3, 4, 5]
    assert dataset.metainfo == dict(classes=('airplane', 'automobile'))


def test_cifar_absent(tmp_path):
    with pytest.raises(ConfigError, match="key 'root' is .*cifar-100-python.tar.gz") as info:
        Cifar(str(tmp_path), name='cifar100', download=False)
    assert '\n' not in str(info.value)


def test_cifar_without_network(monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise urllib.error.URLError('no route to host')

    monkeypatch.setattr(torchvision.datasets, 'CIFAR10', offline)
    with pytest.raises(ConfigError, match='no route to host.*cifar-10-python.tar.gz'):
        Cifar(str(tmp_path))


def test_cifar_unknown_names(tmp_path):
    with pytest.raises(ConfigError, match="unknown name 'cifar1000'; did you mean cifar100"):
        Cifar(str(tmp_path), name='cifar1000')
    with pytest.raises(ConfigError, match="key 'split' is 'test'"):
        Cifar(str(tmp_path), split='test')


def test_every_dataset_is_registered():
    DATASETS.import_from_location()
    for dataset in (Cifar, Digits, ImageFolder, LabelledImages):
        assert DATASETS.get(dataset.__name__) is dataset
