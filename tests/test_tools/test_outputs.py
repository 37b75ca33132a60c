"""Networks that return more than logits, in every command."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from helpers import call_tool, tiny_config
from mmengine.config import Config
from PIL import Image
from torch import Tensor

import ssdkd.visualization
from ssdkd.apis import build_network, distill
from ssdkd.commands.main import run_command
from ssdkd.errors import ConfigError
from ssdkd.models import CifarResNet

TEACHER = "returns a Output (logits [1, 10], features [1, 64]): 'logits' is taken as logits"
STUDENT = 'returns a tuple (0 [1, 64], 1 [1, 10]): element 1 is taken as logits'


@dataclass
class Output:
    logits: Tensor
    features: Tensor


class Wide(CifarResNet):
    """A network that returns its features, too, in one form or the other."""

    def __init__(self, depth: int = 8, form: type = Output, swapped: bool = False):
        super().__init__(depth)
        self.form, self.swapped = form, swapped

    def forward(self, x):
        features = []
        handle = self.linear.register_forward_pre_hook(lambda _, x: features.append(x[0]))
        logits = super().forward(x)
        handle.remove()
        if self.swapped:
            return features[0], logits
        return Output(logits, features[0])


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A config whose networks return a dataclass and a tuple, trained for two rounds."""
    folder = tmp_path_factory.mktemp('outputs')
    model = dict(type='module', path=f'{__name__}.Wide', depth=8, _delete_=True)
    cfg = tiny_config(folder)
    cfg.merge_from_dict(
        {
            'model.teacher.model': model,
            'model.student.model': model | dict(swapped=True),
            'model.student.output': 1,
            'train_cfg.max_rounds': 2,
        }
    )
    cfg.dump(folder / 'config.py')
    call_tool('train.py', folder / 'config.py')
    return folder


def lines(text: str) -> list[str]:
    return re.findall(r'\S+ returns .*', text)


def test_training_says_what_it_takes(run):
    (log,) = (run / 'run').glob('*/*.log')
    assert lines(log.read_text()) == [f'model.teacher {TEACHER}', f'model.student {STUDENT}']


def test_the_student_is_plain_weights(run):
    plain = CifarResNet(8)
    plain.load_state_dict(torch.load(run / 'run/student.pth'))


def test_validate(run, capsys):
    run_command('validate', str(run / 'config.py'))
    out = capsys.readouterr().out
    assert f'model.teacher {TEACHER}' in out and f'model.student {STUDENT}' in out


def test_resume(run):
    call_tool(
        'train.py', run / 'config.py', '--resume', '--cfg-options', 'train_cfg.max_rounds=3'
    )


def test_the_others(run, capfd):
    student = run / 'run/student.pth'
    call_tool('test.py', run / 'config.py', student)
    said = capfd.readouterr()
    assert re.search(r'Wide returns a tuple .*: element 1 is taken', said.out + said.err)
    call_tool('export_student.py', run / 'config.py', student, '--format', 'torchscript')
    said = capfd.readouterr()
    assert 'student returns a tuple' in said.out + said.err
    call_tool('export_student.py', run / 'config.py', student, '--format', 'state_dict')
    capfd.readouterr()
    run_command('flops', str(run / 'config.py'))
    said = capfd.readouterr()
    assert lines(said.out + said.err)[-2:] == [
        f'model.teacher {TEACHER}',
        f'model.student {STUDENT}',
    ]
    (run / 'photos').mkdir()
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(run / 'photos/a.png')
    run_command('agreement', *map(str, (run / 'config.py', student, run / 'photos')))
    said = capfd.readouterr()
    assert 'teacher returns a Output' in said.out + said.err


def test_the_artefact(run):
    args = ('--format', 'torchscript', '--out', run / 'artefact.pt')
    call_tool('export_student.py', run / 'config.py', run / 'run/student.pth', *args)
    script = torch.jit.load(run / 'artefact.pt')
    cfg = Config.fromfile(run / 'config.py')
    network = build_network(cfg, 'student', str(run / 'run/student.pth'))
    images = torch.rand(4, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(script(images), network(images))


SMALL = {
    'model.synthesizer.generator.width': 4,
    'model.synthesizer.batch_size': 4,
    'model.synthesizer.samples': 4,
    'model.synthesizer.steps': 1,
    'model.batch_size': 4,
    'train_cfg.steps_per_round': 1,
}
ARGUMENTS = dict(num_classes=10, image_size=16, mean=0.5, std=0.5, budget=2)


def test_distill(tmp_path, monkeypatch):
    monkeypatch.setattr(ssdkd.visualization, 'write_report', lambda folder: (folder / 'r', ''))
    networks = Wide(), Wide(swapped=True)
    output = dict(student=f'{__name__}.second')
    result = distill(*networks, output=output, work_dir=tmp_path / 'a', **ARGUMENTS, **SMALL)
    assert result.config.model.student.output == f'{__name__}.second'
    assert 'output' not in result.config.model.teacher
    (log,) = result.work_dir.glob('*/*.log')
    assert f'{__name__}.second() is taken as logits' in log.read_text()


def second(output):
    return output[1]


WRONG = [
    (
        None,
        'student has 64 outputs, but num_classes=10; make them equal; '
        'student returns a tuple (0 [1, 64], 1 [1, 10]); say output=0 or output=1',
    ),
    (2, 'output=2, but teacher returns a Output (logits [1, 10], feature'),
    (dict(techer=1), "output={'techer': 1} must have the keys 'teacher' and 'student'"),
]


@pytest.mark.parametrize('output, message', WRONG)
def test_wrong_outputs_of_distill(output, message, tmp_path):
    with pytest.raises(ConfigError) as error:
        distill(Wide(), Wide(swapped=True), output=output, work_dir=tmp_path / 'a', **ARGUMENTS)
    assert message in str(error.value)
