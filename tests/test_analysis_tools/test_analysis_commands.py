"""The analysis tools as commands, on one tiny run."""

import json
import re

import pytest
import torch
from helpers import DIGITS, TINY, as_options, call_tool, save_teacher
from PIL import Image
from segmentation_runs import CAMVID, camvid_options

from ssdkd.models.checkpoint import read_checkpoint
from ssdkd.registry import MODELS


def tool(name: str, *args) -> None:
    call_tool(f'analysis_tools/{name}', *args)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """The folder of a finished tiny run, and the options that name its teacher."""
    folder = tmp_path_factory.mktemp('trained')
    save_teacher(dict(type='CifarResNet', depth=8), folder / 'teacher.pth', image_size=16)
    options = TINY | {'model.teacher.checkpoint': folder / 'teacher.pth'}
    call_tool(
        'train.py', DIGITS, '--work-dir', folder / 'run', '--cfg-options', *as_options(options)
    )
    names = ('model.teacher.checkpoint', 'model.teacher.model.depth')
    return folder, as_options({name: options[name] for name in names})


@pytest.fixture
def photos(tmp_path):
    """Images of several sizes, without labels."""
    folder = tmp_path / 'photos/any'
    folder.mkdir(parents=True)
    rng = torch.Generator().manual_seed(0)
    for i, size in enumerate([(40, 30), (30, 50), (20, 20), (64, 64), (16, 9)]):
        pixels = torch.randint(0, 256, (size[1], size[0], 3), generator=rng).byte()
        Image.fromarray(pixels.numpy()).save(folder / f'{i}.png')
    return folder.parent


def failure(capsys, name, *args) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        tool(name, *args)
    assert stop.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_plot_logs_draws_runs_over_one_another(trained, tmp_path, capsys):
    run = trained[0] / 'run'
    one, two = tmp_path / 'one.png', tmp_path / 'two.png'
    tool('plot_logs.py', run, '--out', one)
    assert 'accuracy, divergence' in capsys.readouterr().out
    tool(
        'plot_logs.py', run, run, '--labels', 'a', 'b', '--keys', 'loss',
        '--against', 'minutes', '--out', two)  # fmt: skip
    assert capsys.readouterr().out.startswith('loss\n')
    assert Image.open(one).width > Image.open(two).width
    assert "no run has 'los'; did you mean loss" in failure(
        capsys, 'plot_logs.py', run, '--keys', 'los')  # fmt: skip
    assert 'have the same name' in failure(capsys, 'plot_logs.py', run, run)
    assert 'has no curves' in failure(capsys, 'plot_logs.py', tmp_path)
    assert "no work directory 'x'" in failure(capsys, 'plot_logs.py', 'x')


def test_inspect_buffer_writes_its_grids(trained, tmp_path, capsys):
    out = tmp_path / 'grids'
    tool('inspect_buffer.py', trained[0] / 'run', '--out', out, '--columns', 4)
    text = capsys.readouterr().out
    names = {p.name for p in out.iterdir()}
    assert names == {'by_class.png', 'by_priority.png', 'by_age.png', 'look_alikes.png'}
    assert '48 samples of 16x16' in text and 'grey levels' in text
    assert 'neighbours of 48 samples' in text
    text = failure(capsys, 'inspect_buffer.py', trained[0] / 'run', '--classes', 'a', 'b')
    assert '--classes gives 2 names, but there are 10' in text
    assert 'holds no buffer' in failure(
        capsys, 'inspect_buffer.py', trained[0] / 'run/student.pth')  # fmt: skip


def test_inspect_buffer_without_classes(trained, tmp_path, capsys):
    path = tmp_path / 'round_1.pth'
    checkpoint = read_checkpoint(trained[0] / 'run/round_4.pth')
    buffer = checkpoint['distillation'][0]['distiller']['buffer']
    buffer['class_counts'] = buffer['class_counts'][:0]
    for name in ('class_share', 'confidence'):
        del buffer['columns'][name]
    torch.save(dict(distillation=checkpoint['distillation']), path)
    tool('inspect_buffer.py', path)
    assert 'stores no classes' in capsys.readouterr().out
    assert not (tmp_path / 'buffer/by_class.png').exists()
    assert (tmp_path / 'buffer/by_age.png').is_file()


def test_report_of_a_real_run(trained, tmp_path, capsys):
    tool('make_report.py', trained[0] / 'run', '--out', tmp_path / 'report.html')
    page = (tmp_path / 'report.html').read_text()
    assert 'class="missing"' not in page
    for alt in ('Samples by class', 'Samples by priority', 'What the student misses'):
        assert f'alt="{alt}"' in page
    assert 'samples/round' not in page and '<summary>Environment' in page


def test_get_flops(capsys):
    tool('get_flops.py', DIGITS)
    text = capsys.readouterr().out
    parameters = [
        sum(p.numel() for p in MODELS.build(dict(type='CifarResNet', depth=d)).parameters())
        for d in (8, 20)
    ]
    assert f'{100 * parameters[0] / parameters[1]:.1f} %' in text
    assert re.search(r'^generator +\S+ [kMG]? ', text, re.M)
    assert 'images of 32x32 pixels' in text


def test_agreement_of_a_student_with_its_teacher(trained, photos, tmp_path, capsys):
    folder, options = trained
    out = tmp_path / 'a/agreement.png'
    for checkpoint in ('run/student.pth', 'run/round_4.pth'):
        tool(
            'agreement.py', DIGITS, folder / checkpoint, photos, '--out', out,
            '--image-size', 16, '--batch-size', 2, '--cfg-options', *options)  # fmt: skip
        text = capsys.readouterr().out
        results = json.loads(out.with_suffix('.json').read_text())
        assert results['images'] == results['cases'] == 5
        assert f'agreement with the teacher: {results["agreement"]:.2f} %' in text
        assert 'nats' in text and out.is_file()
    # The teacher as the student: nothing is left to learn.
    same = ['model.student.model.depth=8', *options]
    tool(
        'agreement.py', DIGITS, folder / 'teacher.pth', photos, '--out', out,
        '--cfg-options', *same)  # fmt: skip
    results = json.loads(out.with_suffix('.json').read_text())
    assert results['agreement'] == 100 and results['kl'] == pytest.approx(0, abs=1e-6)
    assert 'neither a folder' in failure(
        capsys, 'agreement.py', DIGITS, folder / 'run/student.pth', 'nowhere')  # fmt: skip


def test_agreement_of_segmentors_is_of_pixels(photos, tmp_path, capsys):
    pytest.importorskip('mmseg')
    options = camvid_options(tmp_path)
    student = tmp_path / 'student.pth'
    from mmengine.config import Config

    save_teacher(Config.fromfile(CAMVID).model.student.model, student, image_size=64)
    tool(
        'agreement.py', CAMVID, student, photos, '--image-size', 64, 96, '--cfg-options',
        f'model.teacher.checkpoint={options["model.teacher.checkpoint"]}')  # fmt: skip
    results = json.loads((tmp_path / 'agreement.json').read_text())
    assert results['images'] == 5 and results['cases'] == 5 * 64 * 96
    assert 'cases are pixels' in capsys.readouterr().out
