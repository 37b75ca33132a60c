"""How the estimate without data relates to what a val set measures."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from ssdkd.errors import ConfigError
from ssdkd.runs.files import read_summary
from ssdkd.runs.summary import main_metric, main_of
from ssdkd.visualization.curves import read_curves
from ssdkd.visualization.files import save_figure
from ssdkd.words import count

ESTIMATE = 'estimate/kappa'


@dataclass
class Estimates:
    """The estimates of one run, and what its val set measured.

    Attributes:
        label: Name of the run.
        metric: What the val set measured, such as ``accuracy``.
        kappa: [n], the estimates.
        measured: [n], the metric, in percent; between two validations by linear interpolation.
    """

    label: str
    metric: str
    kappa: np.ndarray
    measured: np.ndarray


def runs_in(folders: Iterable[str | Path]) -> list[Path]:
    """The work directories among some folders: a benchmark's stands for all of its runs."""
    return [
        run
        for folder in map(Path, folders)
        for run in sorted(folder.glob('*/seed_*')) or [folder]
    ]


def read_estimates(run: str | Path) -> Estimates:
    """Read them from the scalars of a work directory.

    Raises:
        ConfigError: No estimate lies between two validations.
    """
    curves = read_curves(run)
    metric = main_metric(read_summary(run) or {}) or main_of(curves.metrics)
    estimates = curves.scalars.get(ESTIMATE, {})
    validations = dict(sorted(curves.metrics.get(metric or '', {}).items()))
    # By the clock, few rounds have both.
    first, last = min(validations, default=1), max(validations, default=0)
    rounds = sorted(n for n in estimates if first <= n <= last)
    if not rounds:
        raise ConfigError(
            f"'{run}' has no estimate between its first and last validation; it needs a val "
            'set, and QualityHook in custom_hooks'
        )
    kappa = np.array([estimates[n] for n in rounds])
    measured = np.interp(rounds, list(validations), list(validations.values()))
    path = Path(run).resolve()
    # Runs of a benchmark are METHOD/seed_N.
    label = f'{path.parent.name}/{path.name}' if path.name.startswith('seed_') else path.name
    return Estimates(label, metric, kappa, measured)


def check_comparable(runs: Sequence[Estimates]) -> None:
    """Refuse runs whose val sets measured different things.

    Raises:
        ConfigError: There is more than one metric.
    """
    first = runs[0]
    for run in runs:
        if run.metric != first.metric:
            raise ConfigError(
                f"'{first.label}' has {first.metric} and '{run.label}' {run.metric}; give runs "
                'of one metric at a time'
            )


def rank_correlation(runs: Sequence[Estimates]) -> tuple[float, float, float]:
    """Spearman's rank correlation over all checkpoints, with a 95 % interval.

    The interval is a bootstrap over runs, as the checkpoints of a run are not independent; with
    one run it is empty (nan).
    """
    return _with_interval(_spearman, runs)


def mean_error(errors: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """Mean absolute error over all checkpoints, with a 95 % interval by bootstrap over runs.

    Args:
        errors: From :func:`left_out_errors`.
    """
    return _with_interval(lambda some: float(np.abs(np.concatenate(some)).mean()), errors)


def _with_interval(statistic: Callable, runs: Sequence) -> tuple[float, float, float]:
    value = statistic(runs)
    if len(runs) < 2:
        return value, np.nan, np.nan
    rng = np.random.default_rng(0)
    drawn = [
        statistic([runs[i] for i in rng.integers(len(runs), size=len(runs))])
        for _ in range(2000)
    ]
    return value, *np.nanpercentile(drawn, [2.5, 97.5])


def left_out_errors(runs: Sequence[Estimates]) -> list[np.ndarray]:
    """Error in percentage points of each checkpoint's prediction from the other runs.

    The prediction is an isotonic regression of the metric on kappa, over all runs but the one
    that the checkpoint is of.

    Returns:
        list[np.ndarray]: Of each run: predicted minus measured, [n].

    Raises:
        ConfigError: There are fewer than two runs.
    """
    from sklearn.isotonic import IsotonicRegression

    if len(runs) < 2:
        raise ConfigError('an error of the estimate needs two runs or more')
    errors = []
    for left_out in runs:
        others = [run for run in runs if run is not left_out]
        model = IsotonicRegression(out_of_bounds='clip').fit(*_all(others))
        errors.append(model.predict(left_out.kappa) - left_out.measured)
    return errors


def plot_estimates(runs: Sequence[Estimates], path: str | Path) -> None:
    """Write the metric of every checkpoint against its estimate, a colour for each run."""
    figure = Figure(figsize=(7, 4.5), layout='constrained')
    ax = figure.subplots()
    for number, run in enumerate(runs):
        marker = 'os^Dv'[number // 10 % 5]
        ax.plot(run.kappa, run.measured, marker, markersize=5, alpha=0.8, label=run.label)
    value, low, high = rank_correlation(runs)
    number = count(sum(len(run.kappa) for run in runs), 'estimate')
    interval = '' if np.isnan(low) else f' ({low:.2f} to {high:.2f})'
    ax.set_title(
        f'{number} of {count(len(runs), "run")}: rank correlation {value:.2f}{interval}',
        fontsize='medium',
    )
    ax.set_xlabel("estimate without data (Cohen's kappa on pictures of shapes)")
    ax.set_ylabel(f'{runs[0].metric} of the val set (%)')
    ax.set_ylim(0, 100)
    ax.grid(alpha=0.3)
    ax.legend(fontsize='x-small', loc='center left', bbox_to_anchor=(1, 0.5))
    save_figure(figure, path)


def _all(runs: Sequence[Estimates]) -> tuple[np.ndarray, np.ndarray]:
    return tuple(
        np.concatenate([getattr(run, k) for run in runs]) for k in ('kappa', 'measured')
    )


def _spearman(runs: Sequence[Estimates]) -> float:
    kappa, measured = _all(runs)
    constant = np.ptp(kappa) == 0 or np.ptp(measured) == 0
    return np.nan if constant else float(spearmanr(kappa, measured).statistic)
