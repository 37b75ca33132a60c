"""Networks that :func:`ssdkd.apis.distill` was given, as files or as they are."""

import copy
from pathlib import Path

import torch
from torch import nn

from ssdkd.errors import ConfigError
from ssdkd.models.file_formats import EXPORTED, TORCHSCRIPT, recognise
from ssdkd.registry import MODELS


@MODELS.register_module('SavedModule')
def saved_module(file: str) -> nn.Module:
    """Read a module that ``torch.save(module, file)`` wrote, weights included.

    Warning: such a file is pickled code, and loading it runs that code. Load only what you
    made yourself; for a file from elsewhere, build its network by name and give its weights as
    ``checkpoint``, which refuses code.

    Args:
        file (str): The file.

    Raises:
        ConfigError: The file is missing, the module's class cannot be imported, or it holds
            something else.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise ConfigError(f"SavedModule: key 'file': there is no file '{file}'")
    found = recognise(path)
    if found in (TORCHSCRIPT, EXPORTED):
        raise ConfigError(
            f"SavedModule: '{file}' is {found.what}; name it as the teacher: "
            f"dict(type='Program', file='{file}')"
        )
    if found:
        raise ConfigError(
            f"SavedModule: '{file}' is {found.what}; write it by torch.save(module, file), or "
            'give its weights as checkpoint'
        )
    try:
        module = torch.load(path, map_location='cpu', weights_only=False)
    except (AttributeError, ImportError) as error:
        raise ConfigError(
            f"SavedModule: '{file}' needs a class that cannot be imported ({error}); define it "
            'in a module, not in a notebook or the script that is run, and name the folder of '
            'that module in PYTHONPATH'
        ) from error
    except Exception as error:  # Garbage makes an unpickler fail in every possible way.
        raise ConfigError(
            f"SavedModule: '{file}' cannot be read ({type(error).__name__}: {error}); write it "
            'by torch.save(module, file)'
        ) from error
    if not isinstance(module, nn.Module):
        raise ConfigError(
            f"SavedModule: '{file}' holds a {type(module).__name__}; write the module itself, "
            'torch.save(module, file), or give a state dict as checkpoint'
        )
    return module


def is_saved(model: dict | nn.Module) -> bool:
    """Whether a model config names a file or module that brings its own weights."""
    whole = ('SavedModule', 'GivenModule', 'Program')
    return isinstance(model, dict) and model.get('type') in whole


# Networks that cannot be written to a file, of the calls of distill() that run now.
GIVEN: dict[str, nn.Module] = {}


@MODELS.register_module('GivenModule')
def given_module(file: str) -> nn.Module:
    """A copy of a network that the running call of :func:`ssdkd.apis.distill` was given.

    It stands where a ``SavedModule`` would if the network could be pickled.

    Args:
        file (str): Its key in ``GIVEN``: where the file would be.

    Raises:
        ConfigError: No call runs that was given this network.
    """
    if file not in GIVEN:
        raise ConfigError(
            f"GivenModule: '{file}' is a network that could not be written to a file, so no "
            "command can build it; call distill(teacher, student, ..., resume='WORK_DIR')"
        )
    return copy.deepcopy(GIVEN[file])
