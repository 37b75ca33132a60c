"""TorchScript and programs of torch.export as teachers, in distill() and in configs."""

import copy
import re

import pytest
import torch
from helpers import call_tool
from torch import nn

from ssdkd.apis import distill
from ssdkd.commands.main import run_command
from ssdkd.errors import ConfigError
from ssdkd.models import (
    CifarResNet,
    Network,
    Program,
    Teacher,
    device_of,
    load_weights,
    read_program,
    saved_module,
)
from ssdkd.models.program import open_layers, wrap_programs

SETTINGS = dict(num_classes=10, image_size=16, mean=0.5, std=0.5)
TINY = {
    'model.synthesizer.generator.width': 8,
    'model.synthesizer.batch_size': 8,
    'model.synthesizer.samples': 8,
    'model.batch_size': 8,
    'train_cfg.steps_per_round': 2,
}
ANY_BATCH = ({0: torch.export.Dim('batch')},)
pytestmark = pytest.mark.filterwarnings('ignore')  # of torch, about its own TorchScript


def slow(form: str):
    return pytest.param(form, marks=pytest.mark.slow)


def network() -> CifarResNet:
    torch.manual_seed(0)
    made = CifarResNet(8)
    for module in made.modules():  # as if it had seen images
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return made


def export(images: int = 2, **options) -> torch.export.ExportedProgram:
    return torch.export.export(network().eval(), (torch.rand(images, 3, 16, 16),), **options)


def trace() -> torch.jit.ScriptModule:
    return torch.jit.trace(network().eval(), torch.rand(1, 3, 16, 16))


FORMS = dict(
    script=lambda: torch.jit.script(network()),
    trace=trace,
    frozen=lambda: torch.jit.freeze(torch.jit.script(network().eval())),
    exported=lambda: export(dynamic_shapes=ANY_BATCH),
    module=lambda: export(dynamic_shapes=ANY_BATCH).module(),
    part=lambda: nn.Sequential(nn.Identity(), trace()),
    exported_part=lambda: nn.Sequential(
        nn.Identity(), export(dynamic_shapes=ANY_BATCH).module()
    ),
)


@pytest.mark.parametrize('form', FORMS)
def test_answers_and_gradients_are_those_of_the_network(form):
    teacher = Teacher(wrap_programs(FORMS[form]()), mean=[0.5], std=[0.25])
    wanted = Teacher(network(), mean=[0.5], std=[0.25])
    for network_ in (teacher, copy.deepcopy(teacher)):
        images = torch.rand(5, 3, 16, 16, requires_grad=True)
        found, answers = network_.train()(images), wanted(images)
        assert torch.allclose(found, answers, atol=1e-5)
        gradients = [torch.autograd.grad(y.square().sum(), images)[0] for y in (found, answers)]
        assert gradients[1].abs().max() > 0
        assert torch.allclose(*gradients, atol=1e-5)
    assert not any(p.requires_grad for p in teacher.parameters())


def test_the_network_that_was_given_stays_as_it_is():
    scripted = torch.jit.script(network()).train()
    for given in (scripted, nn.Sequential(scripted)):
        wrapped = wrap_programs(given)
        assert wrapped is not given and scripted.training
        assert any(p.requires_grad for p in scripted.parameters())
    plain = network()
    assert wrap_programs(plain) is plain


def test_layers_inside_are_not_seen():
    teacher = nn.Sequential(nn.BatchNorm2d(3), Program(trace()))
    assert list(open_layers(teacher)) == ['', '0', '1']
    assert list(open_layers(Program(trace()))) == ['']


@pytest.mark.parametrize('form', ['script', slow('exported'), slow('module')])
def test_in_distill(form, tmp_path):
    result = distill(
        FORMS[form](), network(), **SETTINGS, budget=3, work_dir=tmp_path / 'run', **TINY
    )
    losses = result.config.model.synthesizer.losses
    assert losses.bn is None and losses.confidence and losses.balance
    config = tmp_path / 'run/config.py'
    by_command = 'This command trains the same student' in config.read_text()
    assert by_command == (form != 'module')  # only the program itself can be written
    if by_command:
        call_tool('train.py', config, '--work-dir', tmp_path / 'again')
        again = CifarResNet(8)
        load_weights(again, tmp_path / 'again/student.pth')
        weights = result.student.state_dict()
        assert all(torch.equal(v, weights[k]) for k, v in again.state_dict().items())


@pytest.mark.parametrize('form', ['script', slow('exported')])
def test_stopped_and_resumed_it_ends_with_the_same_student(form, tmp_path):
    """Although TorchScript optimises itself in its first passes."""
    each = {
        'default_hooks.checkpoint.interval': 1,
        'default_hooks.checkpoint.max_keep_ckpts': -1,
    }
    folder = tmp_path / 'run'
    result = distill(
        FORMS[form](), network(), **SETTINGS, budget=5, work_dir=folder, **TINY, **each
    )
    for name in ('round_3.pth', 'round_4.pth', 'round_5.pth', 'student.pth', 'summary.json'):
        (folder / name).unlink()
    resumed = distill(resume=folder).student.state_dict()
    whole = result.student.state_dict()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_an_exported_program_for_one_size_of_batches(tmp_path):
    with pytest.raises(ConfigError) as error:
        distill(export(), CifarResNet(8), **SETTINGS, work_dir=tmp_path / 'run')
    assert str(error.value) == (
        'the program was exported for batches of 2 alone; export it for any, with '
        "dynamic_shapes=({0: torch.export.Dim('batch')},)"
    )


@pytest.mark.parametrize('form', ['script', 'exported', 'module'])
def test_not_as_a_student(form, tmp_path):
    with pytest.raises(ConfigError) as error:
        distill(CifarResNet(8), FORMS[form](), **SETTINGS, work_dir=tmp_path / 'run')
    assert str(error.value).startswith('student is, or contains, TorchScript or a program of ')
    assert not (tmp_path / 'run').exists()


CONFIG = """\
_base_ = 'ssdkd::_base_/datasets/digits.py'
num_classes = 10
image_size = 16
teacher = dict(model=dict(type='Program', file='{file}'), mean=[0.5], std=[0.5])
student = dict(model={student})
budget = 'minutes'
"""
PLAIN = "dict(type='CifarResNet', depth=8, num_classes=10)"


def files(folder) -> dict:
    torch.jit.save(trace(), folder / 'a.pt')
    torch.export.save(export(dynamic_shapes=ANY_BATCH), folder / 'a.pt2')
    return dict(script=folder / 'a.pt', exported=folder / 'a.pt2')


@pytest.mark.parametrize('form', [slow('script'), 'exported'])
def test_in_a_config(form, tmp_path):
    file = files(tmp_path)[form]
    pair = tmp_path / 'pair.py'
    pair.write_text(CONFIG.format(file=file, student=PLAIN))
    options = [f'{key}={value}' for key, value in TINY.items()]
    call_tool(
        'train.py', pair, '--method', 'ssdkd_without_bn', '--work-dir', tmp_path / 'run',
        '--cfg-options', 'train_cfg.max_rounds=3', 'train_cfg.warmup_rounds=1',
        'val_dataloader=None', 'val_cfg=None', 'val_evaluator=None', *options,
    )  # fmt: skip
    assert (tmp_path / 'run/student.pth').is_file()
    with pytest.raises(ConfigError, match='takes no hooks; give the original module'):
        run_command('validate', str(pair))
    pair.write_text(CONFIG.format(file=file, student=dict(type='Program', file=str(file))))
    with pytest.raises(ConfigError, match='model.student is, or contains, TorchScript'):
        run_command(
            'validate', str(pair), '--method', 'ssdkd_without_bn',
            '--cfg-options', 'model.distillation.features=None',
        )  # fmt: skip


def test_files(tmp_path):
    images = torch.rand(3, 3, 16, 16)
    wanted = network().eval()(images)
    for file in files(tmp_path).values():
        assert torch.allclose(Network(read_program(str(file)))(images), wanted, atol=1e-5)
        with pytest.raises(ConfigError) as error:
            saved_module(str(file))
        assert str(error.value).endswith(f"dict(type='Program', file='{file}')")
    torch.save(network(), tmp_path / 'b.pt')
    (tmp_path / 'c.pt').write_bytes((tmp_path / 'a.pt').read_bytes()[:-600])
    for file, message in (
        ('b.pt', 'is no program; write it by torch.jit.save or torch.export.save'),
        ('c.pt', 'is no program; write it by'),
        ('d.pt', 'there is no file'),
    ):
        with pytest.raises(ConfigError, match=re.escape(message)):
            read_program(str(tmp_path / file))


def test_the_remedy():
    CifarResNet(8).load_state_dict(export().state_dict)
    CifarResNet(8).load_state_dict(trace().state_dict())


def test_a_program_without_parameters_has_a_device():
    teacher = Teacher(wrap_programs(FORMS['frozen']()), mean=[0.5], std=[0.25])
    assert not list(teacher.parameters())
    assert device_of(teacher) == torch.device('cpu')
