"""What a run's summary says about its networks and their metrics."""

from collections.abc import Iterable

NOT_METRICS = ('parameters', 'steps')


def student_role(summary: dict) -> str:
    """The role that a run is judged by: the student, or the first of several."""
    return summary.get('students', ['student'])[0]  # summaries of before do not say


def teacher_role(summary: dict) -> str:
    """The role that students are compared with: the teacher, or the first of several."""
    roles = summary.get('teachers', ['teacher'])
    return 'teacher' if 'teacher' in roles else roles[0]


def metrics(summary: dict) -> list[str]:
    """Names of what the val set measured of both networks, such as ``accuracy``."""
    student, teacher = f'{student_role(summary)}_', f'{teacher_role(summary)}_'
    names = (k.removeprefix(student) for k in summary if k.startswith(student))
    return [n for n in names if n not in NOT_METRICS and f'{teacher}{n}' in summary]


def main_metric(summary: dict) -> str | None:
    """The metric that a run is judged by; None without a val set."""
    return main_of(metrics(summary))


def main_of(names: Iterable[str]) -> str | None:
    """The one of these metrics that a run is judged by; None without any."""
    names = list(names)
    return 'mIoU' if 'mIoU' in names else next(iter(names), None)
