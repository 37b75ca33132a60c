"""A val set whose labels or images are not what they seem ends a command before training."""

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import DIGITS, ROOT, TINY, as_options, call_tool, save_teacher
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader

from ssdkd.apis import distill
from ssdkd.errors import ConfigError
from ssdkd.models import recorded_classes

TEN = ('ant', 'bee', 'cat', 'dog', 'eel', 'fox', 'gnu', 'hen', 'ibis', 'jay')
TEACHER = ROOT / 'configs/teachers/digits_resnet20.py'


def image_tree(root: Path, names: tuple[str, ...], size: int = 16) -> Path:
    """Two images of noise in each class folder."""
    rng = np.random.default_rng(0)
    for name in names:
        (root / name).mkdir(parents=True)
        for i in range(2):
            pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f'{i}.jpg')
    return root


def config(folder: Path, base: Path, splits: tuple, **dataset) -> Path:
    """A user's config that reads an ImageFolder."""
    source = dict(_delete_=True, type='ImageFolder', root=str(folder / 'val'), image_size=16)
    text = f"_base_ = ['{base}']\n"
    for split in splits:
        text += f'{split}_dataloader = dict(dataset=dict({source | dataset}))\n'
    (folder / 'user.py').write_text(text)
    return folder / 'user.py'


def distilling(folder: Path, **dataset) -> list:
    """Arguments of train.py and test.py."""
    if not (folder / 'teacher.pth').exists():
        save_teacher(dict(type='CifarResNet', depth=8), folder / 'teacher.pth', 16)
    options = {k: v for k, v in TINY.items() if '.dataset.' not in k}
    options |= {'model.teacher.checkpoint': folder / 'teacher.pth'}
    path = config(folder, DIGITS, ('val', 'test'), **dataset)
    return [path, '--work-dir', folder / 'run', '--cfg-options', *as_options(options)]


def teaching(folder: Path, **options) -> list:
    """Arguments of train_teacher.py."""
    path = config(folder, TEACHER, ('train', 'val', 'test'))
    options = {'model.network.model.depth': 8, 'train_cfg.max_epochs': 1} | options
    return [path, '--work-dir', folder / 'teacher', '--cfg-options', *as_options(options)]


def error_of(capfd, tool: str, args: list) -> str:
    capfd.readouterr()
    with pytest.raises(SystemExit) as exit:
        call_tool(tool, *args)
    assert exit.value.code == 2
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert last.startswith('error: ')
    return last


@pytest.mark.parametrize('tool', ['train.py', 'test.py', 'train_teacher.py'])
@pytest.mark.parametrize('count', [9, 11])
def test_number_of_class_folders(tmp_path, capfd, no_training, tool, count):
    image_tree(tmp_path / 'val', (*TEN, 'kiwi')[:count])
    args = teaching(tmp_path) if tool == 'train_teacher.py' else distilling(tmp_path)
    if tool == 'test.py':
        args.insert(1, '--teacher')
    message = error_of(capfd, tool, args)
    assert f"_dataloader.dataset ('{tmp_path}/val') has " in message
    text = {9: f'9 classes ({", ".join(TEN[:5])}, ...), but', 11: 'label 10, but'}[count]
    assert text in message and 'num_classes' in message
    assert not list(tmp_path.glob('*/*.pth'))


@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_order_of_the_teachers_classes(tmp_path, capfd, no_training, tool):
    """What train_teacher.py records is compared."""
    image_tree(tmp_path / 'val', TEN)
    call_tool('train_teacher.py', *teaching(tmp_path))
    for name in ('teacher.pth', 'epoch_1.pth'):
        assert recorded_classes(tmp_path / 'teacher' / name) == TEN
    (tmp_path / 'teacher/teacher.pth').rename(tmp_path / 'teacher.pth')
    args = distilling(tmp_path, classes=TEN[::-1])
    if tool == 'test.py':
        args.insert(1, '--teacher')
    message = error_of(capfd, tool, args)
    assert "in another order: label 0 is 'jay' here and 'ant' in the teacher" in message


def test_a_student_records_its_teachers_classes(tmp_path):
    image_tree(tmp_path / 'val', TEN)
    save_teacher(dict(type='CifarResNet', depth=8), tmp_path / 'teacher.pth', 16)
    state = torch.load(tmp_path / 'teacher.pth')
    torch.save(dict(state_dict=state, classes=TEN[::-1]), tmp_path / 'teacher.pth')
    call_tool('train.py', *distilling(tmp_path, classes=TEN[::-1]), 'train_cfg.max_rounds=2')
    assert recorded_classes(tmp_path / 'run/student.pth') == TEN[::-1]
    state = torch.load(tmp_path / 'run/student.pth')
    assert all(isinstance(v, torch.Tensor) for v in state.values()), 'a plain state dict'


def test_train_and_val_set_of_a_teacher(tmp_path, capfd):
    image_tree(tmp_path / 'val', TEN)
    image_tree(tmp_path / 'other', (*TEN[:9], 'kiwi'))
    options = {'val_dataloader.dataset.root': tmp_path / 'other'}
    message = error_of(capfd, 'train_teacher.py', teaching(tmp_path, **options))
    assert "val_dataloader.dataset ('" in message and 'missing jay, unknown kiwi' in message


class Failing(nn.Module):
    """A teacher whose forward has a mistake."""

    def __init__(self, num_classes: int = 10, depth: int = 8):
        super().__init__()
        self.linear = nn.Linear(3 * 16 * 16, num_classes)

    def forward(self, x):
        return self.liner(x.flatten(1))


def test_a_teacher_that_fails(tmp_path, capfd):
    image_tree(tmp_path / 'val', TEN)
    model = dict(_delete_=True, type='module', path=f'{__name__}.Failing')
    args = teaching(tmp_path, **{'model.network.model': model})
    message = error_of(capfd, 'train_teacher.py', args)
    assert message.startswith(
        'error: the network cannot take the images of the data set: its forward fails for '
        "shape [1, 3, 16, 16] with AttributeError: 'Failing' object has no attribute 'liner'"
    )
    assert message.endswith(': return self.liner(x.flatten(1)))')


def test_broken_val_image(tmp_path, capfd, no_training):
    """The last of them: the first validation would come after the first rounds."""
    image = image_tree(tmp_path / 'val', TEN) / 'jay/1.jpg'
    image.write_bytes(image.read_bytes()[:-200])
    message = error_of(capfd, 'train.py', distilling(tmp_path))
    assert f"error: dataset: '{image}' cannot be decoded" in message


@pytest.mark.parametrize('size', [16, 80])  # decoded at once, or at every access
def test_broken_val_image_in_an_archive(tmp_path, capfd, no_training, size):
    image = image_tree(tmp_path / 'val', TEN, size) / 'jay/1.jpg'
    image.write_bytes(image.read_bytes()[:-200])
    with tarfile.open(tmp_path / 'val.tar', 'w') as tar:
        tar.add(tmp_path / 'val', 'val')
    shutil.rmtree(tmp_path / 'val')
    message = error_of(capfd, 'train.py', distilling(tmp_path, image_size=size))
    archive = tmp_path / 'val.tar'
    assert f"dataset: member 'val/jay/1.jpg' of '{archive}' cannot be decoded" in message


def test_broken_image_that_a_worker_meets(tmp_path, capfd, monkeypatch):
    """Of very many images only the headers are read before."""
    monkeypatch.setattr('ssdkd.datasets.files.DECODED_AT_START', 0)
    image = image_tree(tmp_path / 'val', TEN, 80) / 'jay/1.jpg'
    image.write_bytes(image.read_bytes()[:-200])
    args = distilling(tmp_path, image_size=80)
    options = ['test_dataloader.num_workers=1', 'test_dataloader.persistent_workers=False']
    message = error_of(capfd, 'test.py', [args[0], '--teacher', *args[1:], *options])
    assert message.startswith(f"error: dataset: '{image}' cannot be decoded")


def test_classes_of_a_loader(tmp_path):
    """Those that torchvision's data sets state, in distill()."""
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import ToTensor

    networks = [nn.Sequential(nn.Flatten(), nn.Linear(768, 10)) for _ in range(2)]
    data = ImageFolder(str(image_tree(tmp_path / 'val', TEN[:9])), ToTensor())
    with pytest.raises(ConfigError, match=r'^val_loader.dataset has 9 classes \(ant, bee'):
        distill(
            *networks,
            num_classes=10,
            image_size=16,
            mean=0.5,
            std=0.5,
            val_loader=DataLoader(data, batch_size=6),
            work_dir=tmp_path / 'run',
        )
    assert not (tmp_path / 'run').exists()


# mmseg's sets: the CamVid config on generated images.


@pytest.fixture
def camvid(tmp_path):
    """Arguments of train.py, and the folder of its val set."""
    pytest.importorskip('mmseg')
    from segmentation_runs import CAMVID, camvid_options

    options = camvid_options(tmp_path)
    args = [CAMVID, '--work-dir', tmp_path / 'run', '--cfg-options', *as_options(options)]
    return args, tmp_path / 'camvid'


@pytest.mark.parametrize('case', ['broken image', 'broken map', 'size', 'classes'])
def test_segmentation_set(camvid, capfd, no_training, case):
    args, data = camvid
    image, labels = data / 'img_dir/val/0003.jpg', data / 'ann_dir/val/0003.png'
    expected = f"error: dataset: '{image}' cannot be decoded"
    if case == 'broken image':
        image.write_bytes(image.read_bytes()[:-300])
    elif case == 'broken map':
        labels.write_bytes(b'')
        expected = f"error: dataset: '{labels}' cannot be decoded"
    elif case == 'size':
        Image.open(labels).resize((50, 40), Image.Resampling.NEAREST).save(labels)
        expected = f"error: '{labels}' is a label map of 50x40 pixels, but its image '{image}'"
    else:
        names = "('a','b')"
        args += [f'val_dataloader.dataset.metainfo.classes="{names}"']
        args += ['val_dataloader.dataset.metainfo.palette=[[0,0,0],[1,1,1]]']
        expected = 'val_dataloader.dataset has 2 classes (a, b), but there are 11 outputs'
    assert expected in error_of(capfd, 'train.py', args)
