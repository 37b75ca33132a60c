"""Data-free knowledge distillation on mmengine's Runner.

Importing this prepares the imports of other libraries (:mod:`ssdkd.compat`), so it comes
before torchvision, timm, mmcv and mmseg. It imports nothing heavy itself.
"""

from typing import Any

from ssdkd import compat

__version__ = '0.1.0'
__all__ = ['DistillResult', '__version__', 'distill']

compat.install()


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ssdkd import apis

        return getattr(apis, name)
    raise AttributeError(f"module 'ssdkd' has no attribute '{name}'")
