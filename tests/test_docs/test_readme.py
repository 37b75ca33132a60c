"""Code blocks of README and docs: files load, commands exist and take the options given."""

import copy
import re
import shlex
from argparse import Namespace

import pytest
import torch
from blocks import Desk, blocks
from helpers import ROOT, TINY, save_teacher
from mmengine.config import Config

import ssdkd.apis
from ssdkd.apis import distill, load_config
from ssdkd.commands.main import command_parser
from ssdkd.config.names import find_config
from ssdkd.models import CifarResNet

README = ROOT / 'README.md'
PAGES = [README, *sorted((ROOT / 'docs').glob('*.md')), *sorted(ROOT.glob('projects/**/*.md'))]
BLOCKS = [block for page in PAGES for block in blocks(page)]
MAKEFILE = (ROOT / 'Makefile').read_text()
ROOMS = ('configs/', 'cls/', 'seg/', 'teachers/', 'benchmarks/')


def python_block(beginning: str) -> str:
    (code,) = (c for _, language, c in BLOCKS if language == 'python' and beginning in c)
    return code


def commands(page):
    for _, language, code in blocks(page):
        if language == 'bash':
            lines = code.replace('\\\n', ' ').splitlines()
            yield from filter(None, (shlex.split(line, comments=True) for line in lines))


def options_of(program: str, name: str) -> list[str]:
    """What a command takes, or a script of tools/ that is none."""
    if program == 'ssdkd':
        return list(command_parser(name)._option_string_actions)
    return re.findall(r"'(--[\w-]+)'", (ROOT / name).read_text())


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_exist(page):
    for words in commands(page):
        if words[0] == 'make':
            for target in words[1:]:
                assert '=' in target or re.search(f'^{target}:', MAKEFILE, re.M), words
        elif words[0] == 'ssdkd' or (words[0] == 'python' and words[1].startswith('tools/')):
            known = options_of(*words[:2])
            for option in (word for word in words if word.startswith('--')):
                assert option in known, words
            for word in words[2:]:
                assert not word.startswith(ROOMS) or find_config(word), words


def test_the_first_distillation(tmp_path):
    """Its config trains, and the student loads into plain timm, as the text says."""
    options = {k: v for k, v in TINY.items() if 'val' not in k and 'test_' not in k}
    for key in ('model.teacher.model.depth', 'model.synthesizer.losses.bn.momentum'):
        del options[key]
    options |= {'train_cfg.max_rounds': 2, 'model.synthesizer.samples': 16}
    desk = Desk(tmp_path, options)
    desk.write('my_distillation.py', python_block("budget = 'cpu'  # on a GPU"))
    (tmp_path / 'checkpoints').mkdir()
    teacher = dict(type='timm', name='resnet34', num_classes=10)
    save_teacher(teacher, tmp_path / 'checkpoints/my_teacher.pth')
    desk.run('ssdkd', 'train', 'my_distillation.py')
    code = python_block('timm.create_model')
    desk.run('python', '-c', code)


@pytest.mark.slow
def test_the_distillation_without_a_config(tmp_path, monkeypatch, capsys):
    teacher = tmp_path / 'work_dirs/digits_resnet20/teacher.pth'
    teacher.parent.mkdir(parents=True)
    save_teacher(dict(type='CifarResNet', depth=20), teacher)
    small = {k: v for k, v in TINY.items() if k.startswith('model.synth') and 'image' not in k}
    small |= {'model.batch_size': 16, 'train_cfg.steps_per_round': 2, 'budget': 2}
    monkeypatch.setattr(ssdkd.apis, 'distill', lambda *a, **k: distill(*a, **(k | small)))
    monkeypatch.chdir(tmp_path)
    exec(python_block('budget=70,'), {})
    (report,) = tmp_path.glob('work_dirs/distill/*/report.html')
    assert str(report.relative_to(tmp_path)) in capsys.readouterr().out


def test_the_segmentation_config(tmp_path):
    pytest.importorskip('mmseg')
    part = Config.fromstring(python_block("config='my_deeplab.py'"), '.py')
    config = tmp_path / 'config.py'
    config.write_text(f"_base_ = '{ROOT}/configs/seg/voc_deeplab.py'\n")
    cfg = load_config(Namespace(config=config, cfg_options=part.to_dict(), work_dir=None))
    assert cfg.model.student.model.name == 'deeplabv3_mobilenet_v3_large'


def test_the_first_screen(tmp_path, monkeypatch):
    """What it says to start with works, with networks of the reader's own."""
    teacher = CifarResNet(depth=8, num_classes=10)
    weights = save_teacher(dict(type='CifarResNet', depth=8), tmp_path / 'teacher.pth')
    teacher.load_state_dict(torch.load(weights))
    small = {k: v for k, v in TINY.items() if k.startswith('model.synth') and 'image' not in k}
    small |= {'model.batch_size': 16, 'train_cfg.steps_per_round': 2, 'budget': 4}
    monkeypatch.setattr(ssdkd.apis, 'distill', lambda *a, **k: distill(*a, **(k | small)))
    monkeypatch.chdir(tmp_path)
    student = CifarResNet(depth=8, num_classes=10)
    before = copy.deepcopy(student.state_dict())
    exec(python_block('# both take images'), dict(teacher=teacher, student=student))
    after = torch.load('student.pth')
    assert after.keys() == before.keys()
    assert any(not torch.equal(after[key], before[key]) for key in after)
    lines = README.read_text().partition('## How it works')[0].splitlines()
    assert len(lines) < 40
