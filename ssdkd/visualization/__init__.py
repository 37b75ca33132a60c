"""Pictures of samples, buffers and runs."""

from ssdkd.visualization.balance import Balance, plot_balance, read_balance
from ssdkd.visualization.curves import Curves, plot_curves, plot_runs, read_curves
from ssdkd.visualization.panels import colourise, save_panel
from ssdkd.visualization.reliability import plot_reliability
from ssdkd.visualization.report import write_report
from ssdkd.visualization.sample_grid import save_sample_grid

__all__ = [
    'Balance',
    'Curves',
    'colourise',
    'plot_balance',
    'plot_curves',
    'plot_reliability',
    'plot_runs',
    'read_balance',
    'read_curves',
    'save_panel',
    'save_sample_grid',
    'write_report',
]
