"""Data-free knowledge distillation on mmengine's Runner."""

from ssdkd import compat

compat.install()

__version__ = '0.1.0'
__all__ = ['__version__']
