"""Fixes for the imports and checkpoint loading of our dependencies.

Import ``ssdkd`` before ``torchvision``, ``mmcv`` or ``mmseg``. A machine with the real
binaries, or a library version without the obstacle, is left untouched.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import pickle
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ssdkd.errors import ConfigError

# The library object owns the declarations, so it must live as long as the process.
_torchvision_schemas = None


def install() -> None:
    """Prepare the imports of other libraries. Calling it again changes nothing.

    Nothing heavy is imported here: each shim is applied when its library is.
    """
    stand_in_for_mmcv_ops()
    if 'mmengine.config.config' in sys.modules:
        resolve_names_in_bases()
    if 'mmengine.runner.checkpoint' in sys.modules:
        prepare_checkpoints()
    if not any(isinstance(finder, _Preparing) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Preparing())


def in_use() -> dict[str, bool]:
    """Purpose of each shim -> whether this process needs it."""
    import mmengine.runner.checkpoint  # noqa: F401
    import torchvision  # noqa: F401

    return {
        'torchvision built for another torch': _torchvision_schemas is not None,
        'mmcv-lite in place of mmcv': isinstance(sys.modules.get('mmcv._ext'), _MissingOps),
        "mmengine's checkpoints, which must not run code": True,
        'ssdkd:: in _base_ of configs': True,
    }


class _Preparing(importlib.abc.MetaPathFinder):
    """Import hook that applies our shims while some modules are imported."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        execute = _EXECUTE.get(name)
        if execute is None:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next(filter(None, specs), None)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = partial(execute, spec.loader.exec_module)
        return spec


def _execute_torchvision(
    execute: Callable[[types.ModuleType], None], module: types.ModuleType
) -> None:
    """Import torchvision even if its C++ operators were built for another torch.

    A CUDA build of torchvision beside a CPU torch fails on import, because its Python half
    attaches shape functions to operators that were never loaded. Their schemas alone are
    enough for transforms, models and datasets; calling an operator still raises
    torchvision's own error.
    """
    try:
        execute(module)
        return
    except RuntimeError as error:
        if 'torchvision::nms does not exist' not in str(error):
            raise
    import torch

    for name in [n for n in sys.modules if n.startswith('torchvision.')]:
        del sys.modules[name]
    global _torchvision_schemas
    _torchvision_schemas = torch.library.Library('torchvision', 'DEF')
    _torchvision_schemas.define(
        'nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'
    )
    _torchvision_schemas.define(
        'qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'
    )
    execute(module)


def _execute_checkpoint(
    execute: Callable[[types.ModuleType], None], module: types.ModuleType
) -> None:
    execute(module)
    prepare_checkpoints()


def _execute_config(
    execute: Callable[[types.ModuleType], None], module: types.ModuleType
) -> None:
    execute(module)
    resolve_names_in_bases()


_EXECUTE = {
    'mmengine.config.config': _execute_config,
    'torchvision': _execute_torchvision,
    'mmengine.runner.checkpoint': _execute_checkpoint,
}


def prepare_checkpoints() -> None:
    """Let mmengine's checkpoints load, and nothing that holds code."""
    allow_checkpoint_classes()
    keep_code_out_of_mmengine()


def resolve_names_in_bases() -> bool:
    """Let ``_base_`` name our shipped configs, ``'ssdkd::cls/...'``, in any config file.

    mmengine knows a fixed list of such prefixes. It also marks what comes from another package
    with that package's scope, and :func:`ssdkd.apis.check.check_config` looks at nothing that
    is marked so; our own files are therefore treated like files of the user's.

    Returns:
        bool: True if it has been done now, False if it was done before.
    """
    from mmengine.config.config import Config
    from mmengine.config.utils import MODULE2PACKAGE

    from ssdkd.config.names import PREFIX, find_config
    from ssdkd.errors import ConfigError, nearest

    original = Config._get_cfg_path
    if original.__module__ == __name__:
        return False

    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(PREFIX):
            return str(find_config(cfg_path)), None
        package, mark, _ = cfg_path.partition('::')
        if mark and package not in MODULE2PACKAGE:
            hint = nearest(package, ['ssdkd', *MODULE2PACKAGE])
            raise ConfigError(f"_base_='{cfg_path}': no package '{package}' has configs{hint}")
        return original(cfg_path, filename)

    Config._get_cfg_path = staticmethod(get_cfg_path)
    return True


def declare_torchvision_ops() -> bool:
    """Import torchvision, if it is installed.

    Returns:
        bool: True if the schemas of its operators had to be declared now.
    """
    if importlib.util.find_spec('torchvision') is None:
        return False
    before = _torchvision_schemas
    importlib.import_module('torchvision')
    return _torchvision_schemas is not before


class _MissingOps(types.ModuleType):
    """Stand-in for mmcv's compiled operators; each raises when it is called."""

    def __getattr__(self, name: str):
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args, **kwargs):
            raise RuntimeError(
                f'mmcv.ops.{name} needs the compiled operators of the full mmcv, but '
                'mmcv-lite is installed. Install mmcv for your torch, or choose a network '
                'that does not use this operator.'
            )

        return missing


def stand_in_for_mmcv_ops() -> bool:
    """Let ``import mmseg.models`` succeed beside mmcv-lite, which has no compiled half.

    Returns:
        bool: True if a stand-in was put in place.
    """
    spec = importlib.util.find_spec('mmcv')
    if spec is None or 'mmcv._ext' in sys.modules:
        return False
    if any(Path(spec.origin).parent.glob('_ext.*')):
        return False
    module = _MissingOps('mmcv._ext')
    # Without a loader, so that mmengine still sees that the full mmcv is absent.
    module.__spec__ = importlib.machinery.ModuleSpec('mmcv._ext', loader=None)
    sys.modules['mmcv._ext'] = module
    return True


def allow_checkpoint_classes() -> None:
    """Allow the plain classes inside mmengine's checkpoints under ``weights_only`` loading.

    torch refuses every class it does not know. mmengine stores its scalar histories
    (``HistoryBuffer`` over numpy arrays) in each checkpoint, so that resuming fails. Only
    these are allowed; a checkpoint with foreign pickled code is still refused. A history also
    needs :func:`statistics_of_histories`.
    """
    import numpy as np
    import torch
    from mmengine.logging import HistoryBuffer

    array, scalar = np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0]
    # numpy 2 renamed their module, and a run may go on where the other numpy is installed.
    of_numpy = [
        (function, f'numpy.{core}.multiarray.{function.__name__}')
        for function in (array, scalar)
        for core in ('core', '_core')
    ]
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            bytes,
            *of_numpy,
            np.ndarray,
            np.dtype,
            *(type(np.dtype(kind)) for kind in ('f2', 'f4', 'f8', 'i4', 'i8', 'u1', 'bool')),
        ]
    )


@contextmanager
def statistics_of_histories() -> Iterator[None]:
    """Let checkpoints read inside name the four statistics of a ``HistoryBuffer``.

    They do so by ``getattr``; no other use of it is allowed. Outside, torch refuses
    ``getattr`` as ever: the list of what it allows is one for the whole process.
    """
    import torch

    with torch.serialization.safe_globals([(_statistic_of_history, 'builtins.getattr')]):
        yield


def _statistic_of_history(owner: type, name: str):
    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise ValueError(f'the checkpoint asks for {name} of {owner}, which is refused')
    return getattr(owner, name)


@contextmanager
def weights_only() -> Iterator[None]:
    """Make every ``torch.load`` inside refuse code, also with ``weights_only=False``.

    Libraries that load weights by themselves have other defaults in other versions.
    """
    name = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
    before = os.environ.get(name)
    os.environ[name] = '1'
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def keep_code_out_of_mmengine() -> bool:
    """Let mmengine's loading, such as that of an ``init_cfg``, refuse code in every version.

    mmengine 0.10 leaves the choice to torch, 0.11 loads with ``weights_only=False``, and
    downloads do so in both.

    Returns:
        bool: True if it has been done now, False if it was done before.
    """
    from mmengine.runner.checkpoint import CheckpointLoader

    load = CheckpointLoader.load_checkpoint.__func__
    if load.__module__ == __name__:
        return False

    def load_checkpoint(cls, filename, *args, **kwargs):
        try:
            with weights_only(), statistics_of_histories():
                return load(cls, filename, *args, **kwargs)
        except pickle.UnpicklingError as error:
            raise ConfigError(
                f"checkpoint '{filename}' is damaged or holds pickled code, which is refused "
                'because loading would run it; save a state_dict() alone'
            ) from error

    CheckpointLoader.load_checkpoint = classmethod(load_checkpoint)
    return True
