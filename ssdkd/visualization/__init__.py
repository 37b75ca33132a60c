"""Pictures of samples and buffers."""

from ssdkd.visualization.sample_grid import save_sample_grid

__all__ = ['save_sample_grid']
