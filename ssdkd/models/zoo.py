"""Networks of other libraries, by name: timm, torchvision and any import path.

Each factory returns the library's own module, without a wrapper, so that a trained
student's state dict loads into plain code of that library.
"""

import importlib
import inspect
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

from torch import nn

from ssdkd.compat import weights_only
from ssdkd.errors import ConfigError
from ssdkd.registry import MODELS, nearest


@MODELS.register_module('timm')
def timm_model(name: str, **kwargs) -> nn.Module:
    """Build a network of timm, such as ``dict(type='timm', name='resnet18')``.

    Args:
        name (str): A name of ``timm.list_models()``, with or without a weight tag.
        **kwargs: Passed to ``timm.create_model``, such as ``num_classes`` or ``pretrained``.

    Raises:
        ConfigError: timm is missing, the name or an argument is unknown, or pretrained weights
            cannot be had.
    """
    timm = _library('timm', 'timm')
    if ':' not in name and not timm.is_model(name.split('.')[0]):
        raise _unknown('timm', name, timm.list_models(), 'timm.list_models()')
    return _create(
        'timm', name, partial(timm.create_model, name, **kwargs), asks_for_weights(kwargs)
    )


@MODELS.register_module('torchvision')
def torchvision_model(name: str, **kwargs) -> nn.Module:
    """Build a network of torchvision, such as ``dict(type='torchvision', name='resnet18')``.

    Nothing is downloaded unless ``weights`` or ``weights_backbone`` ask for it, and segmentors,
    such as ``deeplabv3_resnet50``, have no auxiliary head without ``aux_loss=True``.

    Args:
        name (str): A name of ``torchvision.models.list_models()``.
        **kwargs: Passed to ``torchvision.models.get_model``, such as ``num_classes`` or
            ``weights``.

    Raises:
        ConfigError: torchvision is missing, the name or an argument is unknown, or pretrained
            weights cannot be had.
    """
    models = _library('torchvision.models', 'torchvision')
    if name not in models.list_models():
        where = 'torchvision.models.list_models()'
        raise _unknown('torchvision', name, models.list_models(), where)
    # Segmentors and detectors would fetch weights for the backbone without being asked.
    if 'weights_backbone' in inspect.signature(models.get_model_builder(name)).parameters:
        kwargs.setdefault('weights_backbone', None)
    pretrained = asks_for_weights(kwargs) or bool(kwargs.get('weights_backbone'))
    return _create('torchvision', name, partial(models.get_model, name, **kwargs), pretrained)


@MODELS.register_module('module')
def imported_model(path: str, **kwargs) -> nn.Module:
    """Build any network that can be imported: ``dict(type='module', path='package.Class')``.

    Args:
        path (str): Import path of a class or function that returns an ``nn.Module``.
        **kwargs: Passed to it.

    Raises:
        ConfigError: The path cannot be imported, an argument is unknown, or the result is not
            an ``nn.Module``.
    """
    package, _, attribute = path.rpartition('.')
    try:
        factory = getattr(importlib.import_module(package), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"module: key 'path' is '{path}', which cannot be imported ({error}); "
            "give 'package.module.Class', importable from where you run"
        ) from error
    model = _create('module', path, partial(factory, **kwargs), asks_for_weights(kwargs))
    if not isinstance(model, nn.Module):
        raise ConfigError(
            f"module: key 'path' is '{path}', which makes a {type(model).__name__}; "
            'it must make a torch.nn.Module'
        )
    return model


def asks_for_weights(model: dict) -> bool:
    """Whether a model config asks its library for pretrained weights."""
    return bool(model.get('pretrained') or model.get('weights'))


def _library(module: str, package: str):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"model: type '{package}' needs the library {package} ({error}); "
            f'run pip install {package}'
        ) from error


def _unknown(library: str, name: str, known: list[str], where: str) -> ConfigError:
    hint = nearest(name, known, f'{where} lists the known ones')
    return ConfigError(f"{library}: unknown name '{name}'{hint}")


def _create(library: str, name: str, factory: Callable, pretrained: bool) -> nn.Module:
    try:
        # What a user's own function loads is the user's affair.
        with nullcontext() if library == 'module' else weights_only():
            return factory()
    except TypeError as error:
        raise ConfigError(f"{library} '{name}': {error}") from error
    except Exception as error:
        if library != 'module' and 'weights_only' in str(error):
            raise ConfigError(
                f"{library} '{name}': the weights that it loads hold pickled code, which is "
                'refused because loading would run it; give a state_dict() alone'
            ) from error
        # Every library and hub client has its own exceptions for a failed download.
        if not pretrained:
            if library == 'module':
                raise  # a mistake in the user's own code, which is found by its traceback
            raise ConfigError(f"{library} '{name}': {error}") from error
        reason = (str(error).splitlines() or [''])[0]
        raise ConfigError(
            f"{library} '{name}': the pretrained weights cannot be loaded "
            f'({type(error).__name__}: {reason}); give checkpoint= with a local file instead'
        ) from error
