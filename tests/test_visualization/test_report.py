import json
import shutil
from html.parser import HTMLParser

import pytest
import torch

from ssdkd.benchmark.cells import Cell
from ssdkd.benchmark.results import read_result
from ssdkd.benchmark.spec import Method
from ssdkd.errors import ConfigError
from ssdkd.models.checkpoint import read_checkpoint
from ssdkd.runs.files import SUMMARY
from ssdkd.runs.summary import metrics
from ssdkd.visualization import write_report
from ssdkd.visualization.report import headline

VOID = {'meta', 'img'}


class Page(HTMLParser):
    """Collects images and addresses, and checks that every tag is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.images, self.open_tags, self.seen = [], [], set()
        self.feed(text)
        assert not self.open_tags

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag == 'img':
            self.images.append(dict(attrs))
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag


def test_holds_everything_itself(work_dir):
    path, text = write_report(work_dir)
    content = path.read_text()
    page = Page(content)
    assert path == work_dir / 'report.html'
    assert text in content and 'some_run' in content
    assert not page.seen & {'script', 'link', 'iframe', 'object'}
    assert 'http' not in content
    # accuracy, divergence, agreement, one inversion loss, class ratio; grid by class; classes
    # and confidence (priorities, ages and uses are all alike)
    assert len(page.images) == 8
    assert all(i['src'].startswith('data:image/png;base64,') and i['alt'] for i in page.images)
    assert 'b &lt; c' in content, 'the config is escaped'
    assert '2.13.0+cpu' in content and 'compiling' not in content
    assert 'class="missing"' not in content
    assert (work_dir / 'curves.png').is_file() and (work_dir / 'balance.png').is_file()


def test_roles_of_other_names(work_dir):
    """Those of a plugin's distiller; the first student is what the run is judged by."""
    path = work_dir / SUMMARY
    summary = json.loads(path.read_text())
    for key in [key for key in summary if key.startswith(('teacher_', 'student_'))]:
        if key != 'student_steps':
            role, _, name = key.partition('_')
            summary[f'{"expert" if role == "teacher" else "small"}_{name}'] = summary.pop(key)
    summary |= dict(teachers=['expert'], students=['small'])
    path.write_text(json.dumps(summary))
    page = write_report(work_dir)[0].read_text()
    assert 'into a student (small) with' in page and '<th>expert</th><th>small</th>' in page
    assert metrics(summary) == ['accuracy']
    result = read_result(Cell(Method('m', 'm', 'c', {}, (0,)), 0, work_dir), 'accuracy')
    assert (result.teacher, result.last) == (
        summary['expert_accuracy'],
        summary['small_accuracy'],
    )


def test_headline_in_plain_words():
    summary = dict(
        teacher_accuracy=99.5, student_accuracy=95.25,
        teacher_parameters=2000, student_parameters=500, student_steps=3)  # fmt: skip
    text = headline(summary).replace('\N{NO-BREAK SPACE}', ' ')
    assert text == (
        'A teacher with 99.50 % accuracy and 2,000 parameters was distilled into a student '
        'with 95.25 % and 500 parameters (25 %), without data.'
    )
    del summary['teacher_accuracy'], summary['student_accuracy']
    assert '%' in headline(summary) and 'accuracy' not in headline(summary)


@pytest.mark.parametrize(
    'lost, note',
    [
        ('summary.json', 'no summary.json'),
        ('round_*.pth', 'balance is unknown'),
        ('2026*', 'No accuracy was measured'),
        ('rounds.jsonl', 'There is no rounds.jsonl'),
        ('*', 'has not ended'),
    ],
)
def test_says_what_is_missing(work_dir, tmp_path, lost, note):
    for path in work_dir.glob(lost):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    path, _ = write_report(work_dir, tmp_path / 'other/report.html')
    content = path.read_text()
    Page(content)
    assert note in content


def test_a_buffer_without_classes_is_shown_all_the_same(work_dir):
    state = read_checkpoint(work_dir / 'round_10.pth')
    buffer = state['distillation'][0]['distiller']['buffer']
    buffer['class_counts'] = buffer['class_counts'][:0]
    for name in ('class_share', 'confidence'):
        del buffer['columns'][name]
    buffer['columns']['birth'] = torch.arange(60)
    torch.save(state, work_dir / 'round_10.pth')
    alts = [i['alt'] for i in Page(write_report(work_dir)[0].read_text()).images]
    assert alts[-2:] == ['Samples by age', 'Age of the samples']
    assert "Teacher's confidence" not in alts


def test_segmentation_is_judged_by_its_miou():
    names = ('aAcc', 'mIoU')
    summary = {f'{r}_{n}': 50.0 + len(r) for n in names for r in ('teacher', 'student')}
    summary |= dict(teacher_parameters=10, student_parameters=5)
    assert '57.00 % mIoU' in headline(summary).replace('\N{NO-BREAK SPACE}', ' ')


def test_asks_for_a_work_directory(tmp_path):
    with pytest.raises(ConfigError, match='nowhere'):
        write_report(tmp_path / 'nowhere')
