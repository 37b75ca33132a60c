"""The buffer as image files, read by code that has never heard of ssdkd."""

import json

import numpy as np
import pytest
import torch
from helpers import DIGITS, as_options, build_distiller, call_tool, tiny_config
from mmengine.config import Config
from PIL import Image
from segmentation_runs import CAMVID, NUM_CLASSES, camvid_options
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder as TorchvisionFolder

from ssdkd.datasets import ImageFolder
from ssdkd.export.samples import distinct_colours


def checkpoint_of(cfg: Config, path, n: int, size: int, change=None):
    """A ``round_*.pth`` whose buffer holds n random images -> its buffer's state."""
    distiller = build_distiller(cfg)
    rng = torch.Generator().manual_seed(0)
    # Of different colours, so that the teacher sees different classes in them.
    images = torch.rand(n, 3, size, size, generator=rng) * torch.rand(n, 3, 1, 1, generator=rng)
    distiller.store(dict(image=images))
    distiller.buffer.set_priority(torch.arange(n), torch.rand(n, generator=rng))
    state = distiller.training_state()
    if change:
        change(state['buffer'])
    torch.save(dict(distillation=[dict(distiller=state)]), path)
    return state['buffer'], distiller.teacher


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """A classification buffer and the folder that the command makes of it."""
    folder = tmp_path_factory.mktemp('samples')
    buffer, _ = checkpoint_of(tiny_config(folder), folder / 'round_3.pth', 40, 16)
    # The work directory stands for its newest round.
    call_tool('export_samples.py', DIGITS, folder, '--out', folder / 'out')
    return buffer, folder / 'out'


def test_every_pixel_and_every_class_is_there(exported):
    buffer, out = exported
    labels = buffer['columns']['class_share'].argmax(dim=1)
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['image_size'] == [16, 16] and manifest['num_classes'] == 10
    assert len(manifest['samples']) == 40 == len(list(out.glob('*/*.png')))
    for i, row in enumerate(manifest['samples']):
        pixels = np.asarray(Image.open(out / row['file']))
        assert np.array_equal(pixels.transpose(2, 0, 1), buffer['columns']['image'][i].numpy())
        assert row['label'] == labels[i] == int(row['file'].split('/')[0])
        for name in ('priority', 'confidence'):
            assert row[name] == pytest.approx(buffer['columns'][name][i].item(), abs=1e-6)
        assert row['birth'] == 1 and row['uses'] == 0


def test_comes_back_in_as_a_dataset_of_ours(exported):
    buffer, out = exported
    dataset = ImageFolder(str(out))
    assert dataset.metainfo['classes'] == tuple('0123456789'), 'empty ones, too'
    images = torch.stack([dataset[i]['inputs'] for i in range(len(dataset))])
    order = [int(name.split('/')[1][:-4]) for name in dataset.names]
    assert torch.equal(images, buffer['columns']['image'][order])
    labels = buffer['columns']['class_share'].argmax(dim=1)
    assert dataset.labels == labels[order].tolist()


def test_trains_in_plain_torchvision(exported):
    _, out = exported
    folder = TorchvisionFolder(str(out), transforms.ToTensor(), allow_empty=True)
    manifest = json.loads((out / 'manifest.json').read_text())
    labels = {row['file']: row['label'] for row in manifest['samples']}
    for path, label in folder.samples:
        assert label == labels[path.removeprefix(f'{out}/')]
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    optimizer, losses = None, []
    for _ in range(20):
        for images, targets in DataLoader(folder, batch_size=40):
            loss = nn.functional.cross_entropy(network(images), targets)
            optimizer = optimizer or torch.optim.Adam(network.parameters(), 1e-2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_run_distils_from_the_folder(exported, tmp_path):
    _, out = exported
    cfg = tiny_config(tmp_path)
    cfg.model.synthesizer = dict(
        type='RealImageSynthesizer',
        dataset=dict(type='ImageFolder', root=str(out)),
        batch_size=16,
    )
    distiller = build_distiller(cfg)
    distiller.synthesize(optim_wrapper=None)
    assert len(distiller.buffer) == 16


def test_a_buffer_without_classes_asks_the_teacher(tmp_path):
    def forget(buffer):
        for name in ('class_share', 'confidence'):
            del buffer['columns'][name]
        buffer['class_counts'] = buffer['class_counts'][:0]

    cfg = tiny_config(tmp_path)
    path = tmp_path / 'round_1.pth'
    buffer, teacher = checkpoint_of(cfg, path, 8, 16, forget)
    options = {
        'model.teacher.checkpoint': tmp_path / 'teacher.pth',
        'model.teacher.model.depth': 8,
    }
    call_tool('export_samples.py', DIGITS, path, '--cfg-options', *as_options(options))
    with torch.no_grad():
        labels = teacher(buffer['columns']['image'].float() / 255).argmax(dim=1)
    out = tmp_path / 'exported_samples'
    manifest = json.loads((out / 'manifest.json').read_text())
    assert [row['label'] for row in manifest['samples']] == labels.tolist()
    assert 'confidence' not in manifest['samples'][0] and 'priority' in manifest['samples'][0]


def test_segmentation_is_what_mmseg_reads(tmp_path):
    pytest.importorskip('mmseg')
    from mmseg.registry import DATASETS

    options = camvid_options(tmp_path)
    cfg = Config.fromfile(CAMVID)
    cfg.merge_from_dict(options)
    buffer, teacher = checkpoint_of(cfg, tmp_path / 'round_1.pth', 3, 64)
    out = tmp_path / 'out'
    teacher_option = as_options({'model.teacher.checkpoint': tmp_path / 'teacher.pth'})
    call_tool(
        'export_samples.py', CAMVID, tmp_path / 'round_1.pth', '--out', out,
        '--cfg-options', *teacher_option)  # fmt: skip
    images = buffer['columns']['image']
    with torch.no_grad():
        labels = teacher(images.float() / 255).argmax(dim=1).numpy()
    dataset = DATASETS.build(
        dict(
            type='BaseSegDataset',
            _scope_='mmseg',
            data_root=str(out),
            img_suffix='.png',
            data_prefix=dict(img_path='img_dir/train', seg_map_path='ann_dir/train'),
            metainfo=dict(classes=cfg.classes, palette=cfg.palette),
            pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')],
        )
    )
    assert len(dataset) == 3
    for i in range(3):
        assert np.array_equal(
            dataset[i]['img'][..., ::-1].transpose(2, 0, 1), images[i].numpy()
        )
        assert np.array_equal(dataset[i]['gt_seg_map'], labels[i])
    annotation = Image.open(out / 'ann_dir/train/0.png')
    assert annotation.mode == 'P'
    assert annotation.getpalette()[: 3 * NUM_CLASSES] == np.ravel(cfg.palette).tolist()
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['classes'] == list(cfg.classes)


def test_colours_differ():
    colours = distinct_colours(256)
    assert len(set(map(tuple, colours))) == 256
    assert colours[0] == [0, 0, 0] and all(0 <= v <= 255 for row in colours for v in row)


@pytest.mark.parametrize(
    'content, message',
    [
        ({'conv1.weight': torch.zeros(1)}, 'holds no buffer'),
        (
            dict(distillation=[dict(distiller=dict(buffer=dict(size=0, columns={})))]),
            'warm-up rounds store nothing',
        ),
    ],
)
def test_a_checkpoint_without_samples_is_refused(tmp_path, capsys, content, message):
    torch.save(content, tmp_path / 'student.pth')
    with pytest.raises(SystemExit) as stop:
        call_tool('export_samples.py', DIGITS, tmp_path / 'student.pth')
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith('error: ') and message in error and 'round' in error


def test_a_folder_is_not_overwritten(exported, capsys):
    _, out = exported
    with pytest.raises(SystemExit):
        call_tool('export_samples.py', DIGITS, out.parent, '--out', out)
    assert 'choose another folder' in capsys.readouterr().err
