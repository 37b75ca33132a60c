"""Reliability diagram: the student's confidence against its agreement with the teacher."""

from pathlib import Path

from matplotlib.figure import Figure

from ssdkd.visualization.benchmark import COLORS
from ssdkd.visualization.files import save_figure


def plot_reliability(results: dict, path: str | Path, cases: str) -> None:
    """Write agreement with the teacher against the student's confidence as an image.

    Args:
        results: Those of :class:`ssdkd.evaluation.AgreementMeter`.
        path: Image to write.
        cases: What a case is, in the plural: ``'images'`` or ``'pixels'``.
    """
    rows = results['bins']
    left = [row['low'] for row in rows]
    width = rows[0]['high'] - rows[0]['low']
    figure = Figure(figsize=(5.2, 6), layout='constrained')
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    top.bar(
        left,
        [row['agreement'] for row in rows],
        width,
        align='edge',
        color=COLORS[0],
        edgecolor='white',
        label='student',
    )
    top.plot(
        [row['confidence'] for row in rows],
        [row['confidence'] for row in rows],
        marker='_',
        markersize=12,
        linestyle='none',
        color=COLORS[1],
        markeredgewidth=2.5,
        label='its mean confidence',
    )
    top.plot([0, 100], [0, 100], color='0.4', linestyle='--', linewidth=1, label='calibrated')
    top.set_ylim(0, 105)
    top.set_ylabel(f"{cases} where it says the teacher's class (%)")
    top.legend(loc='upper left', frameon=False)
    top.set_title(
        f'agreement {results["agreement"]:.1f} %, '
        f'calibration error {results["ece"]:.1f} points',
        fontsize='medium',
    )
    shares = [100 * row['cases'] / results['cases'] for row in rows]
    bottom.bar(left, shares, width, align='edge', color='0.5', edgecolor='white')
    bottom.set_xlim(0, 100)
    bottom.set_xlabel("student's confidence (%)")
    bottom.set_ylabel(f'{cases} (%)')
    for ax in (top, bottom):
        ax.spines[['top', 'right']].set_visible(False)
    save_figure(figure, path)
