"""distill() in several processes: one student, one folder, every val image once."""

import os
import subprocess
import sys

import pytest
import torch
from helpers import ROOT, environment
from processes import run_together
from test_distill import networks, tiny, val_set
from torch import nn

import ssdkd.visualization

STD = torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)


def one_of_two(folder) -> None:
    """A run with a part of the val set, and then one with all of it in each process."""
    rank = int(os.environ['RANK'])
    torch.manual_seed(1)
    batches = [*val_set(), (torch.rand(5, 3, 16, 16), torch.arange(5))]
    kept = {}
    for name, loader in (('parts', batches[rank::2]), ('whole', batches)):
        teacher, student = networks()
        if rank:  # the first process's networks are the ones that count
            nn.init.ones_(teacher.conv1.weight)
            nn.init.ones_(student.conv1.weight)
        os.chdir(folder)  # the second run is in a folder that the first process names
        work_dir = folder / 'run' if name == 'parts' else None
        result = tiny(teacher, student, work_dir, val_loader=loader, budget=2)
        assert result.student is student and not student.training
        with torch.no_grad():
            right = [(student((x - 0.5) / STD).argmax(1) == y).float() for x, y in batches]
        kept[name] = dict(
            student=student.state_dict(),
            accuracy=100 * torch.cat(right).mean().item(),
            history=result.history,
            samples=len(result.buffer),
            report=str((result.work_dir / 'report.html').resolve()),
        )
        # Drawing takes longer than the run, and once is enough.
        ssdkd.visualization.write_report = lambda folder, out=None: (folder / 'report.html', '')
    torch.save(kept, folder / f'{rank}.pt')


@pytest.mark.slow
def test_all_processes_get_the_same_student(tmp_path):
    assert run_together(2, one_of_two, tmp_path) == [0, 0]
    first, second = (torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1))
    for name in ('parts', 'whole'):
        one, other = first[name], second[name]
        assert all(torch.equal(v, other['student'][k]) for k, v in one['student'].items())
        assert one['history'] == other['history']
        assert one['history'][-1]['accuracy'] == pytest.approx(one['accuracy'], abs=0.01)
        assert one['samples'] == 8  # each process's own
        assert one['report'] == other['report']
    assert os.path.isfile(first['parts']['report'])
    exported = torch.load(tmp_path / 'run/student.pth')
    assert all(torch.equal(v, exported[k]) for k, v in first['parts']['student'].items())
    assert len(list((tmp_path / 'work_dirs/distill').iterdir())) == 1
    text = (tmp_path / 'run/config.py').read_text()
    assert f'tools/dist_train.sh {tmp_path}/run/config.py 2' in text and 'launcher' not in text


SCRIPT = """
import os, sys
sys.path[:0] = [{root!r}, {tests!r}, {here!r}]
from test_distill import networks, tiny
import torch

result = tiny(*networks(), 'run', budget=2)
torch.save(result.student.state_dict(), os.environ['RANK'] + '.pt')
"""


@pytest.mark.slow
def test_a_script_that_torchrun_starts(tmp_path):
    here = os.path.dirname(__file__)
    text = SCRIPT.format(root=str(ROOT), tests=str(ROOT / 'tests'), here=here)
    (tmp_path / 'script.py').write_text(text)
    command = '-m torch.distributed.run --standalone --nproc_per_node=2 script.py'
    done = subprocess.run(
        [sys.executable, *command.split()], cwd=tmp_path, env=environment(),
        capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1))
    assert all(torch.equal(v, second[k]) for k, v in first.items())
    exported = torch.load(tmp_path / 'run/student.pth')
    assert all(torch.equal(v, exported[k]) for k, v in first.items())
