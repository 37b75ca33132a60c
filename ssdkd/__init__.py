"""Data-free knowledge distillation on mmengine's Runner."""

from ssdkd.interrupt import guard_start

guard_start()  # before torch, whose import takes seconds

from ssdkd import compat  # noqa: E402

compat.install()

__version__ = '0.1.0'
__all__ = ['__version__']
