"""Where the shipped configs, tools and projects lie.

In a clone they stand beside the package; a wheel has them inside, in ``ssdkd/.mim``, where
the other packages of OpenMMLab have theirs.
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
IN_WHEEL = PACKAGE / '.mim'
CLONE = None if IN_WHEEL.is_dir() else PACKAGE.parent
CONFIGS = (CLONE or IN_WHEEL) / 'configs'
TOOLS = (CLONE or IN_WHEEL) / 'tools'
PROJECTS = (CLONE or IN_WHEEL) / 'projects'
