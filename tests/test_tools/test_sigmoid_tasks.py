"""Networks with one logit, and with several labels, from training to the exported samples."""

import json

import pytest
import torch
from helpers import NO_VAL, as_options, call_tool
from torch import nn

import ssdkd.visualization
from ssdkd.apis import distill
from ssdkd.commands.main import run_command
from ssdkd.config.compose import TASKS
from ssdkd.datasets import LabelledImages
from ssdkd.errors import ConfigError
from ssdkd.models import Predictor

SMALL = {
    'model.synthesizer.generator.width': 4,
    'model.synthesizer.batch_size': 8,
    'model.synthesizer.samples': 8,
    'model.synthesizer.steps': 1,
    'model.batch_size': 8,
    'train_cfg.steps_per_round': 2,
}
PAIR = """
num_classes = {classes}
task = '{task}'
teacher = dict(
    model=dict(type='module', path='{path}', outputs={outputs}),
    checkpoint='{file}',
    mean=0.5,
    std=0.5,
)
student = dict(model=dict(type='module', path='{path}', outputs={outputs}))
image_size = 16
"""
OUTPUTS = dict(binary=1, multilabel=4)
CLASSES = dict(binary=2, multilabel=4)
SCORES = ('accuracy', 'mAP', 'f1', 'agreement')


class Net(nn.Sequential):
    def __init__(self, outputs: int):
        super().__init__(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, outputs),
        )


class Ended(nn.Module):
    """The same with a sigmoid at its end, and the keys of the plain one."""

    def __init__(self, outputs: int):
        super().__init__()
        self.network = Net(outputs)

    def forward(self, x):
        return self.network(x).sigmoid()

    def load_state_dict(self, state, *args, **kwargs):
        return self.network.load_state_dict(state, *args, **kwargs)

    def state_dict(self, *args, **kwargs):
        return self.network.state_dict(*args, **kwargs)


@pytest.fixture
def no_report(monkeypatch):
    monkeypatch.setattr(ssdkd.visualization, 'write_report', lambda folder: (folder / 'r', ''))


def labels_of(task, n):
    if task == 'binary':
        return torch.arange(n).remainder(2).float()[:, None]  # as BCEWithLogitsLoss takes them
    return torch.arange(4 * n).reshape(n, 4).remainder(3).eq(0).float()


@pytest.mark.parametrize('task', OUTPUTS)
def test_distill(task, tmp_path, no_report):
    torch.manual_seed(0)
    images, labels = torch.rand(6, 3, 16, 16), labels_of(task, 6)
    networks = Net(OUTPUTS[task]), Net(OUTPUTS[task])
    result = distill(
        *networks, task=task, num_classes=CLASSES[task], image_size=16, mean=0.5, std=0.5,
        budget=2, work_dir=tmp_path / 'run', val_loader=[(images, labels)], **SMALL,
    )  # fmt: skip
    with torch.no_grad():
        predicted = networks[1].eval()((images - 0.5) / 0.5) > 0
    last = result.history[-1]
    if task == 'binary':
        right = (predicted == labels.bool()).double().mean()
        assert last['accuracy'] == pytest.approx(100 * right.item())
    else:
        assert {'mAP', 'f1'} <= last.keys()
    assert result.buffer.class_counts.sum() == len(result.buffer)
    assert len(result.buffer.class_counts) == CLASSES[task]


@pytest.mark.parametrize('task', OUTPUTS)
def test_a_sigmoid_at_the_end_makes_the_same_student(task, tmp_path, no_report):
    images = torch.rand(4, 3, 16, 16)
    trained, scores = [], []
    for kind in (Net, Ended):
        torch.manual_seed(0)
        teacher, student = kind(OUTPUTS[task]), kind(OUTPUTS[task])
        folder = tmp_path / kind.__name__
        result = distill(
            teacher, student, task=task, num_classes=CLASSES[task], image_size=16, mean=0.5,
            std=0.5, budget=3, work_dir=folder, val_loader=[(images, labels_of(task, 4))],
            **SMALL,
        )  # fmt: skip
        trained.append(student.state_dict())
        scores.append({k: v for k, v in result.history[-1].items() if k in SCORES})
        assert result.network.gives_sigmoids == (kind is Ended)
    assert all(torch.allclose(v, trained[1][k], atol=1e-4) for k, v in trained[0].items())
    assert scores[0] and scores[1] == pytest.approx(scores[0], abs=1e-3)
    with torch.no_grad():
        z, p = result.network(images), student((images - 0.5) / 0.5)
    assert torch.allclose(z.sigmoid(), p, atol=1e-5)
    log = next(folder.rglob('*.log')).read_text()
    for role in ('teacher', 'student'):
        assert f'Check-up of the {role}' in log
    assert log.count('as of a sigmoid at the end: log(p / (1 - p)) is used as logits') == 2


WRONG = [
    (
        'classification',
        2,
        1,
        "teacher has 1 output; one logit, with a sigmoid, is that of two classes: use task='b",
    ),
    ('classification', 1, 1, "num_classes=2 and task='binary'"),
    (
        'binary',
        2,
        2,
        "softmax chooses: use task='classification'; for independent labels, task='multilabel'",
    ),
    ('binary', 3, 1, 'BinaryClassification has 2 classes'),
    ('multi', 3, 3, "task='multi' must be one of 'classification', 'binary', 'multilabel'"),
]


@pytest.mark.parametrize('task, classes, outputs, message', WRONG)
def test_a_wrong_task(task, classes, outputs, message, tmp_path):
    with pytest.raises(ConfigError) as error:
        distill(
            Net(outputs), Net(outputs), task=task, num_classes=classes, image_size=16, mean=0.5,
            std=0.5, budget=2, work_dir=tmp_path / 'run',
        )  # fmt: skip
    assert message in str(error.value)


@pytest.mark.parametrize(
    'task, labels',
    [
        ('binary', torch.tensor([0, 2])),
        ('binary', torch.zeros(2, 2)),
        ('multilabel', torch.tensor([0, 1])),
        ('multilabel', torch.full((2, 4), 0.5)),
    ],
)
def test_wrong_labels(task, labels, tmp_path):
    with pytest.raises(ConfigError, match=f"for task='{task}' give the numbers 0 and 1"):
        distill(
            Net(OUTPUTS[task]), Net(OUTPUTS[task]), task=task, num_classes=CLASSES[task],
            image_size=16, mean=0.5, std=0.5, work_dir=tmp_path / 'run',
            val_loader=[(torch.rand(2, 3, 16, 16), labels)],
        )  # fmt: skip


@pytest.mark.parametrize('task', OUTPUTS)
def test_a_pair_from_training_to_samples(task, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save(Net(OUTPUTS[task]).state_dict(), 'teacher.pth')
    values = dict(classes=CLASSES[task], task=task, outputs=OUTPUTS[task], file='teacher.pth')
    (tmp_path / 'pair.py').write_text(PAIR.format(path=f'{__name__}.Net', **values))
    options = as_options(
        SMALL | NO_VAL | {'train_cfg.max_rounds': 2, 'train_cfg.warmup_rounds': 0}
    )
    call_tool('train.py', 'pair.py', '--work-dir', 'run', '--cfg-options', *options)
    run_command('export-samples', 'run/pair_ssdkd.py', 'run', '--out', 'samples')
    manifest = json.loads((tmp_path / 'samples/manifest.json').read_text())
    assert manifest['num_classes'] == CLASSES[task]
    if task == 'binary':
        labels = {sample['label'] for sample in manifest['samples']}
        assert labels <= {0, 1}
        folders = sorted(path.name for path in (tmp_path / 'samples').iterdir())
        assert folders == ['0', '1', 'manifest.json']
        return
    read = LabelledImages('samples/images', 'samples/labels.json', 16, 16, num_labels=4)
    assert len(read) == 16 and read[3]['inputs'].shape == (3, 16, 16)
    for item, sample in zip(read, manifest['samples'], strict=False):
        assert item['data_samples'].nonzero()[:, 0].tolist() == sample['labels']


@pytest.mark.parametrize('task', OUTPUTS)
def test_samples_of_a_teacher_with_a_sigmoid(task, tmp_path, monkeypatch):
    """The labels are those of the same teacher without."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(Net(OUTPUTS[task]).state_dict(), 'teacher.pth')
    values = dict(classes=CLASSES[task], task=task, outputs=OUTPUTS[task], file='teacher.pth')
    (tmp_path / 'pair.py').write_text(PAIR.format(path=f'{__name__}.Ended', **values))
    rounds = {'train_cfg.max_rounds': 2, 'train_cfg.warmup_rounds': 0}
    options = as_options(SMALL | NO_VAL | rounds)
    call_tool('train.py', 'pair.py', '--work-dir', 'run', '--cfg-options', *options)
    samples = []
    for kind in ('Net', 'Ended'):
        path = f'model.teacher.model.path={__name__}.{kind}'
        arguments = ('--out', kind, '--cfg-options', path)
        run_command('export-samples', 'run/pair_ssdkd.py', 'run', *arguments)
        samples.append(json.loads((tmp_path / kind / 'manifest.json').read_text())['samples'])
    assert samples[0] == samples[1]


@pytest.mark.parametrize('task', OUTPUTS)
def test_predictions_of_a_network_with_a_sigmoid(task):
    plain, ended = (
        Predictor(
            dict(model=dict(type='module', path=f'{__name__}.{kind}', outputs=OUTPUTS[task])),
            dict(type=TASKS[task], num_classes=CLASSES[task]),
        ).eval()
        for kind in ('Net', 'Ended')
    )
    ended.network.model.load_state_dict(plain.network.model.state_dict())
    images = torch.rand(8, 3, 16, 16)
    (want,), (got,) = (model(images, None, 'predict') for model in (plain, ended))
    assert torch.allclose(got['logits'], want['logits'], atol=1e-5)


def test_wrong_lists_of_labels(tmp_path):
    (tmp_path / 'a.png').touch()
    for labels in (1, [4], ['1'], [0.0]):
        (tmp_path / 'labels.json').write_text(json.dumps({'a.png': labels}))
        with pytest.raises(ConfigError, match='give a list of integers from 0 to 3'):
            LabelledImages(str(tmp_path), str(tmp_path / 'labels.json'), num_labels=4)
