"""Labels must mean what the network's outputs mean."""

import json
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from ssdkd.datasets import ImageFolder, LabelledImages, check_set
from ssdkd.errors import ConfigError
from ssdkd.models import recorded_classes


@pytest.fixture
def make(tmp_path):
    """An ImageFolder with an image in each of some folders."""

    def make(*folders, **options):
        for name in folders:
            (tmp_path / 'val' / name).mkdir(parents=True)
            Image.new('RGB', (4, 4)).save(tmp_path / f'val/{name}/1.png')
        return ImageFolder(str(tmp_path / 'val'), **options)

    return make


@pytest.mark.parametrize('form', ['list', 'text', 'json', 'names'])
def test_order_of_the_classes(make, tmp_path, form):
    classes = ['cat', 'ant', 'bee']
    if form == 'names':
        classes = dict(cat='Felis', ant='Lasius', bee='Apis')
    if form in ('text', 'json'):
        path = tmp_path / ('order.txt' if form == 'text' else 'order.json')
        path.write_text('\n'.join(classes) + '\n' if form == 'text' else json.dumps(classes))
        classes = str(path)
    dataset = make('ant', 'bee', 'cat', classes=classes)
    assert dataset.labels == [1, 2, 0]
    names = ('Felis', 'Lasius', 'Apis') if form == 'names' else ('cat', 'ant', 'bee')
    assert dataset.metainfo['classes'] == names


def test_classes_that_are_not_the_folders(make):
    with pytest.raises(ConfigError, match='missing dog, not in the list bee;'):
        make('ant', 'bee', classes=['ant', 'dog'])


@pytest.mark.parametrize(
    'classes, message',
    [
        (['ant', 'ant'], 'a list with ant twice'),
        ({'ant': 'x', 'bee': 'x'}, 'a dict with x twice'),
        ([], 'a list that holds no names'),
        ([1, 2], 'a list that holds no names'),
        ('no/such.txt', "'no/such.txt', which cannot be read"),
    ],
)
def test_classes_that_are_no_list_of_names(make, classes, message):
    with pytest.raises(ConfigError, match=f"ImageFolder: key 'classes' is .*{message}"):
        make('ant', 'bee', classes=classes)


def test_number_of_classes(make):
    dataset = make('ant', 'bee')
    check_set(dataset, 'val_dataloader', 2)
    for wrong in (1, 3):
        message = f'(has 2 classes .ant, bee.|has label 1), but there are {wrong}'
        with pytest.raises(ConfigError, match=message):
            check_set(dataset, 'val_dataloader', wrong)
    with pytest.raises(ConfigError, match='an empty one for .* missing: cat'):
        check_set(dataset, 'val_dataloader', 3, ('ant', 'bee', 'cat'))


def test_names_and_their_order(make):
    dataset = make('ant', 'bee')
    check_set(dataset, 'val_dataloader', 2, ('ant', 'bee'))
    check_set(dataset, 'val_dataloader', 2, ('0', '1'))  # no names
    with pytest.raises(ConfigError, match="another order: label 0 is 'ant' here and 'bee' in"):
        check_set(dataset, 'val_dataloader', 2, ('bee', 'ant'))
    with pytest.raises(ConfigError, match='missing dog, unknown bee; give them the same names'):
        check_set(dataset, 'val_dataloader', 2, ('ant', 'dog'))


def test_folders_called_by_numbers(make):
    numbers = [str(i) for i in range(11)]
    dataset = make(*numbers)
    assert dataset.metainfo['classes'][:3] == ('0', '1', '10')
    with pytest.raises(ConfigError, match=r'alphabetical order \(0, 1, 10, 2, 3, ...\) is not'):
        check_set(dataset, 'val_dataloader', 11)
    with pytest.raises(ConfigError, match="label 2 is '10' here and '2' in the teacher"):
        check_set(dataset, 'val_dataloader', 11, numbers)
    check_set(dataset, 'val_dataloader', 11, sorted(numbers))
    check_set(ImageFolder(dataset.root, classes=numbers), 'val_dataloader', 11)
    check_set(ImageFolder(dataset.root, classes=sorted(numbers)), 'val_dataloader', 11)


def test_labelled_images_may_know_fewer_classes(make, tmp_path):
    make('ant', 'bee')
    (tmp_path / 'labels.json').write_text('{"ant/1.png": 4}')
    dataset = LabelledImages(str(tmp_path / 'val'), str(tmp_path / 'labels.json'), 4, 4)
    check_set(dataset, 'val_dataloader', 9, tuple('abcdefghi'))
    with pytest.raises(ConfigError, match='has label 4, but there are 4 classes'):
        check_set(dataset, 'val_dataloader', 4)


@pytest.mark.parametrize(
    'label', ['-1', '0.7', 'true', '"3"', 'null', '1.0', '1, "ant/1.png": 2']
)
def test_labels_are_integers(make, tmp_path, label):
    make('ant', 'bee')
    (tmp_path / 'labels.json').write_text(f'{{"ant/1.png": {label}, "bee/1.png": 1}}')
    message = "key 'labels' is .*(gives 'ant/1.png' the label|names an image twice)"
    with pytest.raises(ConfigError, match=message):
        LabelledImages(str(tmp_path / 'val'), str(tmp_path / 'labels.json'))


def test_data_sets_that_state_nothing():
    check_set([1], 'val_dataloader', 2, ('a', 'b'))
    stated = SimpleNamespace(metainfo=dict(classes=('a', 'b')), check=lambda: None)
    with pytest.raises(ConfigError, match='val_dataloader.dataset has 2 classes .a, b., but'):
        check_set(stated, 'val_dataloader', 3)


@pytest.mark.parametrize(
    'content',
    [
        dict(meta=dict(dataset_meta=dict(classes=('b', 'a')))),
        dict(meta=dict(CLASSES=['b', 'a'])),
        dict(classes=['b', 'a']),
        dict(class_to_idx=dict(a=1, b=0)),
    ],
)
def test_classes_in_a_checkpoint(tmp_path, content):
    torch.save(content | dict(state_dict={}), tmp_path / 'teacher.pth')
    assert recorded_classes(tmp_path / 'teacher.pth') == ('b', 'a')


def test_no_classes_in_a_checkpoint(tmp_path):
    torch.save(dict(weight=torch.zeros(2), classes=torch.zeros(1)), tmp_path / 'teacher.pth')
    assert recorded_classes(tmp_path / 'teacher.pth') is None
