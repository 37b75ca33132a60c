"""What a run's summary says about its metrics."""

NOT_METRICS = ('parameters', 'steps')


def metrics(summary: dict) -> list[str]:
    """Names of what the val set measured of both networks, such as ``accuracy``."""
    names = (k.removeprefix('student_') for k in summary if k.startswith('student_'))
    return [n for n in names if n not in NOT_METRICS and f'teacher_{n}' in summary]


def main_metric(summary: dict) -> str | None:
    """The metric that a run is judged by; None without a val set."""
    names = metrics(summary)
    return 'mIoU' if 'mIoU' in names else next(iter(names), None)
