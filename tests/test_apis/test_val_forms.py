"""Every form of val_loader that docs/val_sets.md lists, and what is refused."""

import re

import numpy as np
import pytest
import torch
from helpers import ROOT
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import PILToTensor, ToTensor

from ssdkd.apis.val_batches import ValBatches
from ssdkd.apis.val_forms import IMAGES, LABELS, MASKS
from ssdkd.errors import ConfigError
from ssdkd.mmseg import labelled_batch

PAGE = (ROOT / 'docs/val_sets.md').read_text()
PIXELS = torch.randint(0, 256, (5, 3, 6, 8), dtype=torch.uint8)
CLASSES = torch.tensor([2, 0, 1, 1, 2])
MAPS = torch.randint(0, 3, (5, 6, 8))
PICTURES = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in PIXELS]
MASK_PICTURES = [Image.fromarray(labels.numpy().astype(np.uint8)) for labels in MAPS]


class Indexed:
    """A data set without a base class, as of Hugging Face: no __iter__, no IndexError."""

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[range(len(self))[index]]


class Own(Indexed, Dataset):
    """A data set of torch, which cannot be iterated over."""


class Streamed(IterableDataset):
    def __init__(self, samples):
        self.samples = samples

    def __iter__(self):
        return iter(self.samples)


def as_dicts(images, labels, image='image', label='label'):
    return [{image: x, label: y} for x, y in zip(images, labels)]


@pytest.fixture
def folder(tmp_path):
    """Images of PIXELS in class folders -> the folder, and the order that ImageFolder has."""
    for i, (picture, label) in enumerate(zip(PICTURES, CLASSES.tolist())):
        (tmp_path / f'class{label}').mkdir(exist_ok=True)
        picture.save(tmp_path / f'class{label}/{i}.png')
    return tmp_path, CLASSES.argsort(stable=True)


FLOATS = PIXELS / 255
CLASSIFICATION = {
    'a `DataLoader` of pairs': [
        DataLoader(TensorDataset(PIXELS, CLASSES), batch_size=2),
        DataLoader(TensorDataset(FLOATS, CLASSES), batch_size=2),
    ],
    'a `DataLoader` of dicts': [
        DataLoader(as_dicts(PIXELS, CLASSES, *names), batch_size=2)
        for names in (('image', 'label'), ('pixel_values', 'labels'), ('img', 'gt'))
    ],
    'a list of batches': [
        [(PIXELS[:2], CLASSES[:2]), (PIXELS[2:], CLASSES[2:])],
        [(PIXELS.numpy(), CLASSES.numpy())],
        [[PIXELS, CLASSES.tolist()]],
    ],
    'one batch': [
        (PIXELS, CLASSES),
        (FLOATS.numpy(), CLASSES.numpy()),
        dict(image=PIXELS, label=CLASSES),
    ],
    'a data set of torchvision': [lambda path: ImageFolder(path), PILToTensor(), ToTensor()],
    'a `TensorDataset`': [TensorDataset(PIXELS, CLASSES), TensorDataset(FLOATS, CLASSES)],
    'a data set of Hugging Face': [
        Indexed(as_dicts(PICTURES, CLASSES.tolist())),
        Indexed(as_dicts(PIXELS, CLASSES, 'img', 'fine_label')),  # with_format('torch')
        Indexed(as_dicts(PIXELS.permute(0, 2, 3, 1).numpy(), CLASSES.numpy())),
        Streamed(as_dicts(PICTURES, CLASSES.tolist())),
    ],
    'a data set of your own': [
        Own(list(zip(PIXELS, CLASSES.tolist()))),
        Streamed(list(zip(FLOATS.numpy(), CLASSES.numpy()))),
        list(zip(PICTURES, CLASSES.tolist())),
    ],
    'batches with channels last': [[(PIXELS.permute(0, 2, 3, 1), CLASSES)]],
    "mmengine's batches": [[dict(inputs=PIXELS, data_samples=CLASSES)]],
}
SEGMENTATION = {
    'segmentation: masks': [
        [(PIXELS, MAPS)],
        [(PIXELS, MAPS[:, None].byte())],
        [dict(image=PIXELS, mask=MAPS, label=CLASSES)],
        (PIXELS, MAPS),
        list(zip(PICTURES, MASK_PICTURES)),
        Indexed(as_dicts(PICTURES, MASK_PICTURES, 'image', 'annotation')),
        TensorDataset(PIXELS, MAPS[:, None]),
    ],
    "segmentation: mmseg's batches": [],  # in test_mmseg_batches
}
CASES = [
    pytest.param(source, id=f'{name.replace("`", "")}-{i}')
    for name, sources in CLASSIFICATION.items()
    for i, source in enumerate(sources)
]


def test_the_page_lists_the_forms_and_the_keys():
    rows = re.findall(r'^\| ([^|]+) \| ', PAGE, re.MULTILINE)[1:]
    assert rows == [*CLASSIFICATION, *SEGMENTATION]
    for key in (*IMAGES, *LABELS, *MASKS):
        assert f'`{key}`' in PAGE


@pytest.mark.parametrize('source', CASES)
def test_classification(source, folder):
    images, labels, path = PIXELS, CLASSES, folder[0]
    if callable(source) and not isinstance(source, Dataset):  # makes an ImageFolder
        images, labels = PIXELS[folder[1]], CLASSES[folder[1]]
        transforms = isinstance(source, PILToTensor | ToTensor)
        source = ImageFolder(path, source) if transforms else source(path)
    batches = ValBatches(source, 'classification', 3)
    for _ in range(2):  # it is read more than once
        read = list(batches)
        found = torch.cat([batch['inputs'] for batch in read])
        found = found if found.dtype == torch.uint8 else (255 * found).round().byte()
        assert torch.equal(found, images)
        assert torch.cat([batch['data_samples'] for batch in read]).tolist() == labels.tolist()
        assert (len(batches), len(batches.dataset)) == (len(read), 5)


@pytest.mark.parametrize('source', SEGMENTATION['segmentation: masks'])
def test_segmentation(source):
    pytest.importorskip('mmseg')
    for batch in ValBatches(source, 'segmentation', 3):
        assert torch.equal(torch.stack(batch['inputs']).flip(1).byte(), PIXELS)
        maps = [sample.gt_sem_seg.data[0] for sample in batch['data_samples']]
        assert torch.equal(torch.stack(maps), MAPS)


def test_mmseg_batches():
    pytest.importorskip('mmseg')
    (batch,) = ValBatches((PIXELS, MAPS), 'segmentation', 3)
    (again,) = ValBatches([batch], 'segmentation', 3)
    assert again == batch


def own_batches(masks):
    """As the data loader of a val set of mmseg gives them."""
    pytest.importorskip('mmseg')
    return [labelled_batch(PIXELS, masks)]


def test_masks_of_two_classes_with_255_in_mmseg_batches():
    masks = (MAPS > 0).long()
    assert not ValBatches(own_batches(masks), 'segmentation', 2).findings
    with pytest.raises(ConfigError, match='val_loader: the masks hold 0 and 255 alone'):
        ValBatches(own_batches(255 * masks), 'segmentation', 2)


def test_labels_of_mmseg_batches():
    assert ValBatches(own_batches(MAPS), 'segmentation', 4).findings == [
        'val_loader: 1 class of 4 never occurs (3): nothing measures them; check the labels '
        'and num_classes'
    ]
    with pytest.raises(ConfigError) as error:
        ValBatches(own_batches(MAPS), 'segmentation', 2)
    assert str(error.value) == (
        'val_loader gives labels from 0 to 2, but num_classes=2; number the classes from 0'
    )
    with pytest.raises(ConfigError, match='float32 masks'):
        ValBatches(own_batches(MAPS / 255), 'segmentation', 3)


@pytest.mark.parametrize('labels', [list(MAPS), [None] * 5])
def test_lists_without_samples_of_mmseg(labels):
    with pytest.raises(ConfigError, match=r'without gt_sem_seg; give tensors \[N, 3, H, W\]'):
        ValBatches([dict(inputs=list(PIXELS), data_samples=labels)], 'segmentation', 3)


def test_many_samples_become_batches_of_a_hundred():
    samples = TensorDataset(PIXELS.repeat(50, 1, 1, 1), CLASSES.repeat(50))
    batches = ValBatches(samples, 'classification', 3)
    assert [len(batch['inputs']) for batch in batches] == [100, 100, 50]
    assert len(batches) == 3 and len(batches.dataset) == 250


@pytest.mark.parametrize('n', [397, 1001])
def test_the_number_of_images_is_known_before_the_first_validation(n):
    images = torch.zeros(n, 3, 2, 2)
    loader = DataLoader(TensorDataset(images, torch.arange(n) % 3), batch_size=100)
    batches = ValBatches(loader, 'classification', 3)
    assert len(batches.dataset) == n and len(batches) == len(loader)
    for samples in (range(n), list(range(0, n, 2))):  # what a sampler draws counts
        loader = DataLoader(loader.dataset, sampler=samples, batch_size=100)
        assert len(ValBatches(loader, 'classification', 3).dataset) == len(samples)


@pytest.mark.parametrize(
    'source, message',
    [
        (3, 'val_loader is a int; give a DataLoader, a data set, or a list of batches'),
        ((x for x in [(PIXELS, CLASSES)]), 'can be read only once'),
        (dict(train=[], test=[]), "a dict of 'train', 'test'; give one of these parts"),
        (
            [dict(picture=PIXELS, label=CLASSES)],
            "keys 'picture', 'label', of which none can be",
        ),
        ([dict(image=PIXELS, label=CLASSES, y=CLASSES)], "'label' or 'y' the labels"),
        ([PIXELS], r'gives a Tensor; it must give \(images, labels\), or dicts'),
        ([(PIXELS, CLASSES, CLASSES)], 'gives a tuple; it must give'),
        ([(PIXELS[0], 1), (PIXELS[0, :, :3], 1)], 'images of shapes .*3, 6, 8. and .*3, 3, 8.'),
        ([(PIXELS[:2], CLASSES[:2]), (PIXELS[2:], CLASSES[2:] + 1)], 'labels from 2 to 3'),
        (Own([None, None]), 'gives a NoneType'),
        ([], 'gives no batch'),
    ],
)
def test_refused(source, message):
    with pytest.raises(ConfigError, match=message):
        ValBatches(source, 'classification', 3)


class Broken(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return self.files[index]


def test_an_error_of_the_data_set_is_one_line():
    with pytest.raises(
        ConfigError, match="val_loader fails with AttributeError: .*'files'.*line"
    ):
        ValBatches(Broken(), 'classification', 3)
    pictures = DataLoader(as_dicts(PICTURES, CLASSES), batch_size=2)
    with pytest.raises(ConfigError, match='val_loader fails with TypeError: default_collate'):
        ValBatches(pictures, 'classification', 3)


def test_masks_of_floats_name_the_transform():
    with pytest.raises(ConfigError, match='float32 masks; .* PILToTensor keeps'):
        ValBatches([(PIXELS, MAPS[:, None] / 255)], 'segmentation', 3)


def test_masks_of_two_classes_with_255():
    pytest.importorskip('mmseg')
    masks = 255 * (MAPS > 0)
    with pytest.raises(ConfigError) as error:
        ValBatches([(PIXELS, masks)], 'segmentation', 2)
    assert str(error.value) == (
        'val_loader: the masks hold 0 and 255 alone, and 255 is void, so that no pixel is of '
        'class 1; write 1 for 255: mask // 255'
    )
    assert not ValBatches([(PIXELS, masks // 255)], 'segmentation', 2).findings


@pytest.mark.parametrize('task, labels', [('classification', CLASSES), ('segmentation', MAPS)])
def test_a_class_that_never_occurs_is_named_once(task, labels):
    if task == 'segmentation':
        pytest.importorskip('mmseg')
    assert not ValBatches([(PIXELS, labels)], task, 3).findings
    assert ValBatches([(PIXELS, labels)], task, 5).findings == [
        'val_loader: 2 classes of 5 never occur (3, 4): nothing measures them; check the '
        'labels and num_classes'
    ]


def test_the_first_image_and_several_sizes():
    """The run compares the first image with the synthetic ones."""
    val = ValBatches([(PIXELS, CLASSES), (PIXELS[:, :, :4], CLASSES)], 'classification', 3)
    assert torch.equal(val.dataset[0]['inputs'], PIXELS[0])
    assert val.findings == [
        'val_loader: its images have several sizes (6x8, 4x8); they are measured as they are'
    ]


def test_several_sizes_are_usual_for_segmentation():
    pytest.importorskip('mmseg')
    both = [(PIXELS, MAPS), (PIXELS[:, :, :4], MAPS[:, :4])]
    assert not ValBatches(both, 'segmentation', 3).findings


def many(labels, **options):
    """A loader of 1,201 tiny images."""
    labels = torch.as_tensor(labels)
    return DataLoader(TensorDataset(torch.zeros(1201, 3, 2, 2), labels), 100, **options)


def masks_of(labels):
    return torch.as_tensor(labels)[:, None, None].repeat(1, 2, 2)


@pytest.mark.parametrize('shuffle', [False, True])
def test_masks_of_two_classes_with_255_in_many_images(shuffle):
    pytest.importorskip('mmseg')
    masks = 255 * masks_of(torch.arange(1201) % 2)
    assert ValBatches(many(masks, shuffle=shuffle), 'segmentation', 2).findings == [
        'val_loader: the masks hold 0 and 255 alone in the first 1,000 images, and 255 is '
        'void, so that no pixel is of class 1; write 1 for 255: mask // 255'
    ]
    masks[999] = 1  # in the last batch that is read
    assert not ValBatches(many(masks), 'segmentation', 2).findings


def test_a_class_that_many_images_lack():
    pytest.importorskip('mmseg')
    val = ValBatches(many(masks_of(torch.arange(1201) // 400)), 'segmentation', 5)
    assert val.findings == [
        'val_loader: 2 classes of 5 never occur in the first 1,000 images (3, 4): unless the '
        'others hold them, nothing measures them; check the labels and num_classes'
    ]
    assert (len(val), len(val.dataset)) == (13, 1201)


def test_many_images_sorted_by_class():
    """Of images, nothing is said about classes that may come later."""
    assert not ValBatches(many(torch.arange(1201) // 400), 'classification', 4).findings


@pytest.mark.parametrize('first', [100, 999])
def test_labels_of_many_images_outside_the_classes(first):
    labels = torch.arange(1201) % 3
    labels[first] = 7
    with pytest.raises(ConfigError, match='labels from 0 to 7, but num_classes=3'):
        ValBatches(many(labels), 'classification', 3)


def test_a_loader_that_gives_all_images_at_once():
    labels = torch.zeros(1201, dtype=torch.int64)
    loader = DataLoader(many(labels).dataset, batch_size=1201)
    val = ValBatches(loader, 'classification', 2)
    assert len(val.findings) == 1 and ' in the first' not in val.findings[0]


def first_image(picture, channels):
    """[H, W, C] of a picture in a val set."""
    val = ValBatches([(picture, 0)], 'classification', 1, channels)
    return val.dataset.first.permute(1, 2, 0)


DEEP = np.array([[0, 100, 300, 60000]])
ALPHA = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)


@pytest.mark.parametrize('dtype', [np.uint16, np.int32])
@pytest.mark.parametrize('channels', [1, 3])
def test_pictures_of_16_bits_keep_the_upper_8(dtype, channels):
    image = first_image(Image.fromarray(DEEP.astype(dtype)), channels)
    assert image.tolist() == [[[value] * channels for value in (0, 0, 1, 234)]]


@pytest.mark.parametrize('channels', [1, 2, 3, 4])
@pytest.mark.parametrize(
    'pixels, mode', [(DEEP.astype(np.float32), 'F'), (2 * DEEP.astype(np.int32), 'I')]
)
def test_pictures_of_unknown_range(pixels, mode, channels):
    with pytest.raises(
        ConfigError, match=f"a picture of mode '{mode}' .*; give one of 8 or 16"
    ):
        first_image(Image.fromarray(pixels), channels)


@pytest.mark.parametrize('mode, channels', [('RGBA', 4), ('CMYK', 4), ('LA', 2)])
def test_pictures_keep_the_channels_that_the_teacher_takes(mode, channels):
    pixels = ALPHA[..., :channels]
    assert first_image(Image.fromarray(pixels, mode), channels).tolist() == pixels.tolist()


def test_transparency_in_a_palette():
    picture = Image.fromarray(ALPHA[..., 0] // 4, 'P')
    picture.putpalette(range(12))
    picture.info['transparency'] = bytes([9, 8, 7, 6])
    expected = [[[3 * i, 3 * i + 1, 3 * i + 2, 9 - i] for i in range(4)]]
    assert first_image(picture, 4).tolist() == expected


@pytest.mark.parametrize('mode, bands', [('RGBA', 4), ('LA', 2)])
def test_transparency_is_dropped_for_grey_and_rgb(mode, bands):
    picture = Image.fromarray(ALPHA[..., :bands], mode)
    for channels, plain in ((1, 'L'), (3, 'RGB')):
        opaque = np.array(picture.convert('RGB').convert(plain)).reshape(1, 4, channels)
        assert first_image(picture, channels).tolist() == opaque.tolist()


@pytest.mark.parametrize('mode, channels', [('RGB', 4), ('RGB', 2), ('L', 2), ('RGBA', 5)])
def test_pictures_of_other_channels_are_refused(mode, channels):
    with pytest.raises(ConfigError, match=rf'; give \[N, {channels}, H, W\], as the teacher'):
        first_image(Image.new(mode, (9, 7)), channels)


GREY = PIXELS[:, :1]
ROW = CLASSES[:, None]  # labels [1] of each image
TRUTHS = (torch.arange(15).reshape(5, 3) % 2).float()


@pytest.mark.parametrize(
    'images, channels',
    [
        (PIXELS, 3),
        (PIXELS.permute(0, 2, 3, 1), 3),
        (GREY, 1),
        (GREY[:, 0], 1),
        (GREY.permute(0, 2, 3, 1), 1),
        (GREY.repeat(1, 7, 1, 1), 7),
    ],
)
@pytest.mark.parametrize(
    'labels, task, expected',
    [
        (CLASSES, 'classification', CLASSES),
        (ROW, 'classification', CLASSES),
        (ROW > 0, 'binary', CLASSES > 0),
        (TRUTHS, 'multilabel', TRUTHS),
    ],
)
@pytest.mark.parametrize('form', ['tensor', 'array', 'list'])
def test_samples_with_one_label_or_several(images, channels, labels, task, expected, form):
    change = dict(tensor=lambda x: x, array=np.asarray, list=lambda x: x.tolist())[form]
    samples = Own([(x, change(y)) for x, y in zip(images, labels)])
    (batch,) = ValBatches(samples, task, 2 if task == 'binary' else 3, channels)
    assert batch['inputs'].shape == (5, channels, 6, 8)
    assert batch['data_samples'].tolist() == expected.long().tolist()


@pytest.mark.parametrize('labels', [CLASSES, CLASSES.tolist()])
@pytest.mark.parametrize('channels', [1, 3])
def test_grey_batches_without_a_dimension_for_channels(labels, channels):
    with pytest.raises(ConfigError) as error:
        ValBatches([(GREY[:, 0], labels)], 'classification', 3, channels)
    assert str(error.value) == (
        f'val_loader gives images of shape [5, 6, 8]; give [N, {channels}, H, W], as the '
        'teacher takes them'
    )


def test_grey_samples_for_a_teacher_of_rgb():
    with pytest.raises(ConfigError, match=r'shape \[5, 1, 6, 8\]; give \[N, 3, H, W\]'):
        ValBatches(Own(list(zip(GREY, ROW))), 'classification', 3)


@pytest.mark.parametrize('label', ['cat', None])
def test_labels_that_are_no_numbers(label):
    with pytest.raises(ConfigError, match=f'a {type(label).__name__} as the label of an image'):
        ValBatches([(PIXELS[0], label)], 'classification', 3)
