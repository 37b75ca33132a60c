"""Distillers of others train, resume, export and report without a change to ssdkd/."""

import json
import re

import pytest
import torch
from helpers import TINY, build_distiller, build_runner, save_teacher, unregistered
from mmengine.config import Config

from ssdkd.apis.flops import costs, table
from ssdkd.apis.networks import build_network
from ssdkd.apis.validate import validate
from ssdkd.errors import ConfigError
from ssdkd.models import CifarResNet
from ssdkd.plugins import import_modules
from ssdkd.visualization import write_report

HERE = 'projects/distillers'
TEACHER = dict(type='CifarResNet', depth=8)


def tiny(name: str, folder) -> Config:
    """The config of a plugin, made tiny, with random teachers."""
    cfg = Config.fromfile(f'{HERE}/{name}_config.py', import_custom_modules=False)
    import_modules(cfg.custom_imports.imports)
    cfg.merge_from_dict({k: v for k, v in TINY.items() if not k.startswith('model.teacher')})
    cfg.train_cfg.update(max_rounds=3, val_interval=3)
    cfg.default_hooks.checkpoint.max_keep_ckpts = -1
    cfg.val_dataloader.dataset.split = 'val'
    teachers = cfg.model.teacher.get('members') or [cfg.model.teacher]
    for i, teacher in enumerate(teachers):
        teacher.model = dict(TEACHER)
        teacher.checkpoint = save_teacher(TEACHER, folder / f'teacher_{i}.pth', image_size=16)
    if len(teachers) > 1:  # the second one differs
        weights = torch.load(teachers[1].checkpoint)
        torch.save({k: v * 1.5 for k, v in weights.items()}, teachers[1].checkpoint)
    cfg.work_dir = str(folder / 'run')
    return cfg


def train(cfg: Config, resume_from=None):
    cfg = Config(cfg.to_dict())
    if resume_from:
        cfg.load_from, cfg.resume = str(resume_from), True
        cfg.work_dir += '_resumed'
    runner = build_runner(cfg)
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    runner.train()
    return runner.model, before


@pytest.fixture(params=['two_students', 'hint_loss', 'two_teachers'])
def run(request, tmp_path, monkeypatch):
    with unregistered():
        cfg = tiny(request.param, tmp_path)
        model, before = train(cfg)
        resumed, _ = train(cfg, tmp_path / 'run/round_2.pth')
        yield request.param, model, before, resumed, tmp_path / 'run'


def changed(model, before: dict, prefix: str) -> bool:
    return any(
        not torch.equal(value, before[key])
        for key, value in model.state_dict().items()
        if key.startswith(prefix) and value.is_floating_point()
    )


def test_a_plugin_trains_resumes_exports_and_reports(run):
    name, model, before, resumed, folder = run
    weights, again = model.state_dict(), resumed.state_dict()
    assert all(torch.equal(weights[key], again[key]) for key in weights)
    assert not changed(model, before, 'teacher.')
    assert changed(model, before, 'student.model.fc' if name == 'hint_loss' else 'student.')
    summary = json.loads((folder / 'summary.json').read_text())
    report = write_report(folder)[0].read_text()
    check = {'two_students': check_students, 'hint_loss': check_hint}
    check.get(name, check_teachers)(model, before, folder, summary, report)


def check_students(model, before, folder, summary, report):
    assert changed(model, before, 'second.model.fc')
    exported = torch.load(folder / 'second.pth')
    assert all(torch.equal(v, exported[k]) for k, v in model.second.model.state_dict().items())
    assert set(exported) != set(torch.load(folder / 'student.pth'))
    assert 'second_accuracy' in summary and summary['second_parameters'] > 0
    assert '<th>second</th>' in report
    assert summary['students'] == ['student', 'second']
    size = f'{summary["second_parameters"]:,} parameters'
    assert re.search(f'into a student with .* and a student .second. with .*{size}', report)
    cfg = tiny('two_students', folder.parent)
    for checkpoint in ('round_3.pth', 'second.pth'):
        built = build_network(cfg, 'second', str(folder / checkpoint))
        theirs = built.model.state_dict().items()
        assert all(torch.equal(v, exported[k]) for k, v in theirs)
    with pytest.raises(ConfigError, match='--role third: model has no such network'):
        build_network(cfg, 'third', 'second.pth')
    assert 'second / teacher' in table(costs(cfg, (16, 16)))


def check_hint(model, before, folder, summary, report):
    assert changed(model, before, 'distillation.hint.head')
    assert not any('head' in key for key in torch.load(folder / 'student.pth'))


def test_each_student_is_asked_for_the_layers_of_a_loss(tmp_path):
    with unregistered():
        cfg = tiny('two_students', tmp_path)
        cfg.model.distillation.attention = dict(type='AttentionTransferLoss', layers=['layer3'])
        with pytest.raises(ConfigError, match='WideResNet does not have .*layer3'):
            build_distiller(cfg)
        cfg.model.second.model = dict(type='CifarResNet', depth=14)
        distiller = build_distiller(cfg)
        images = torch.rand(2, 3, 16, 16)
        for name in ('teacher', 'student', 'second'):
            output = distiller.ask(name, images)
            (maps,) = output.features['layer3']
            model = distiller.part(name).model
            expected = model.linear(maps.mean((2, 3)))
            torch.testing.assert_close(output.logits, expected)
            assert not any(m._forward_hooks for m in model.modules())


def test_commands_know_an_ensemble(tmp_path):
    with unregistered():
        cfg = tiny('two_teachers', tmp_path)
        teacher, images = build_network(cfg, 'teacher'), torch.rand(2, 3, 16, 16)
        first, second = (member(images) for member in teacher.model)
        torch.testing.assert_close(teacher(images), (first + second) / 2)
        with pytest.raises(ConfigError, match='TeacherEnsemble.*leave the checkpoint out'):
            build_network(cfg, 'teacher', 'teacher.pth')
        for i, member in enumerate(cfg.model.teacher.members):
            member.model.depth, member.checkpoint = 8 + 6 * i, f'nowhere_{i}.pth'
        cost = costs(cfg, (16, 16))
        sizes = [sum(p.numel() for p in CifarResNet(depth).parameters()) for depth in (8, 14)]
        assert cost['teacher'].parameters == sum(sizes)
        assert cost['student'].flops < cost['teacher'].flops / 2
        assert validate(cfg) == [
            f"model.teacher.members.{i}.checkpoint: there is no file 'nowhere_{i}.pth'"
            for i in range(2)
        ]


def check_teachers(model, before, folder, summary, report):
    images = torch.rand(4, 3, 16, 16)
    first, second = (member(images) for member in model.teacher.model)
    assert not torch.allclose(first, second)
    torch.testing.assert_close(model.teacher(images), (first + second) / 2)
    layers = model.synthesizer.losses['bn']._inputs.layers
    assert {name.split('.')[1] for name in layers} == {'0', '1'}
    assert {'teacher_0_accuracy', 'teacher_1_accuracy', 'teacher_accuracy'} <= set(summary)
    assert summary['teachers'] == ['teacher_0', 'teacher_1', 'teacher']
    assert '<th>teacher_1</th>' in report
