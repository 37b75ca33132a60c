"""Grey networks and networks of five channels, from training to the exported samples."""

import json

import numpy as np
import pytest
import torch
from helpers import call_tool, tiny_config
from PIL import Image
from torch import nn

import ssdkd.visualization
from ssdkd.apis import distill
from ssdkd.commands.main import run_command
from ssdkd.datasets import ImageFolder
from ssdkd.errors import ConfigError


class Net(nn.Sequential):
    def __init__(self, channels: int = 1, classes: int = 10):
        super().__init__(
            nn.Conv2d(channels, 8, 3, 2, 1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, classes),
        )


def command(*args):
    run_command(*map(str, args))


@pytest.fixture(scope='module')
def grey(tmp_path_factory):
    """A config of grey networks, which no key says, trained for two rounds."""
    folder = tmp_path_factory.mktemp('grey')
    model = dict(type='module', path=f'{__name__}.Net', _delete_=True)
    cfg = tiny_config(folder)
    torch.save(Net().state_dict(), folder / 'grey.pth')
    cfg.merge_from_dict(
        {
            'model.teacher.model': model,
            'model.teacher.checkpoint': str(folder / 'grey.pth'),
            'model.teacher.mean': [0.5],
            'model.teacher.std': [0.5],
            'model.student.model': model,
            'train_cfg.max_rounds': 2,
            'val_dataloader.dataset.channels': 1,
            'test_dataloader.dataset.channels': 1,
        }
    )
    cfg.dump(folder / 'config.py')
    call_tool('train.py', folder / 'config.py')
    return folder


def test_buffer_and_pictures(grey):
    checkpoint = torch.load(grey / 'run/round_2.pth', weights_only=False)
    (state,) = checkpoint['distillation']
    assert state['distiller']['buffer']['columns']['image'].shape[1:] == (1, 16, 16)
    (log,) = (grey / 'run').glob('*/*.log')
    assert '64 x 1 x 16 x 16 bytes' in log.read_text()
    picture = np.asarray(Image.open(next((grey / 'run').rglob('samples/*.png'))))
    assert picture.ndim == 3 and (picture[..., 0] == picture[..., 2]).all()
    command('inspect-buffer', grey / 'run')
    assert (grey / 'run/buffer/by_class.png').is_file()


def test_commands(grey, capsys):
    config, student = grey / 'config.py', grey / 'run/student.pth'
    command('validate', config)
    command('test', config, student)
    command('flops', config)
    (grey / 'photos').mkdir()
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(grey / 'photos/a.png')
    command('agreement', config, student, grey / 'photos')
    capsys.readouterr()
    command('export', config, student, '--format', 'torchscript')
    assert 'grey images [N, 1, 16, 16] in [0, 1] -> logits' in capsys.readouterr().out
    script = torch.jit.load(grey / 'run/student.torchscript.pt')
    assert script(torch.rand(3, 1, 16, 16)).shape == (3, 10)
    command('export', config, student, '--format', 'state_dict')


def test_exported_samples(grey):
    command('export-samples', grey / 'config.py', grey / 'run', '--out', grey / 'samples')
    read = ImageFolder(str(grey / 'samples'), image_size=16, channels=1)
    assert read[0]['inputs'].shape == (1, 16, 16)
    assert ImageFolder(str(grey / 'samples'), image_size=16)[0]['inputs'].shape == (3, 16, 16)


def test_resume(grey):
    call_tool(
        'train.py', grey / 'config.py', '--resume', '--cfg-options', 'train_cfg.max_rounds=3'
    )


SMALL = {
    'model.synthesizer.generator.width': 4,
    'model.synthesizer.batch_size': 4,
    'model.synthesizer.samples': 4,
    'model.synthesizer.steps': 1,
    'model.batch_size': 4,
    'train_cfg.steps_per_round': 1,
}


def test_five_channels_by_distill(tmp_path, monkeypatch):
    monkeypatch.setattr(ssdkd.visualization, 'write_report', lambda folder: (folder / 'r', ''))
    networks = Net(5, 3), Net(5, 3)
    mean = [0.1, 0.2, 0.3, 0.4, 0.5]
    result = distill(
        *networks, num_classes=3, image_size=12, mean=mean, std=0.5, budget=2,
        work_dir=tmp_path / 'run', val_loader=[(torch.rand(6, 5, 12, 12), torch.arange(6) % 3)],
        **SMALL,
    )  # fmt: skip
    assert result.buffer[torch.arange(2)]['image'].shape == (2, 5, 12, 12)
    assert 'accuracy' in result.history[-1]
    assert result.config.model.teacher.mean == mean
    command('export-samples', tmp_path / 'run/config.py', tmp_path / 'run')
    folder = tmp_path / 'run/exported_samples'
    read = ImageFolder(str(folder), channels=5)
    manifest = json.loads((folder / 'manifest.json').read_text())
    assert len(read) == len(manifest['samples']) == len(result.buffer)
    images = result.buffer.columns['image'][: len(read)]
    for sample, image in zip(manifest['samples'], images):
        array = np.load(folder / sample['file'])
        assert np.array_equal(array, image.permute(1, 2, 0))
    with pytest.raises(ConfigError, match=r'is an array \[12, 12, 5\] of uint8; it must be'):
        ImageFolder(str(folder), channels=4)[0]


def test_images_of_other_channels(tmp_path):
    arguments = dict(num_classes=3, image_size=12, mean=0.5, std=0.5)
    val = [(torch.rand(6, 3, 12, 12), torch.arange(6) % 3)]
    with pytest.raises(ConfigError, match=r'shape \[6, 3, 12, 12\]; give \[N, 1, H, W\]'):
        distill(Net(1, 3), Net(1, 3), val_loader=val, work_dir=tmp_path / 'a', **arguments)
    with pytest.raises(ConfigError, match='^student cannot take .* runs with 3 channels: take'):
        distill(Net(1, 3), Net(3, 3), work_dir=tmp_path / 'b', **arguments)
    (tmp_path / 'c/0').mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / 'c/0/a.png')
    with pytest.raises(ConfigError, match='a.png.* has at most 3 channels, but channels=4'):
        ImageFolder(str(tmp_path / 'c'), channels=4)[0]
