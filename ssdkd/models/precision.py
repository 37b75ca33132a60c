"""Number formats that a device computes fast."""

import torch
from mmengine.device import get_device
from mmengine.logging import print_log

from ssdkd.errors import ConfigError


def has_bfloat16(device: str) -> bool:
    """Whether a device has instructions for bfloat16, which others emulate more slowly.

    Args:
        device (str): Type of the device, such as ``'cpu'`` or ``'cuda'``.

    Returns:
        bool: False also where torch cannot tell.
    """
    if device == 'cuda':
        return torch.cuda.get_device_capability()[0] >= 8  # Ampere and later
    if device == 'cpu' and hasattr(torch.cpu, 'get_capabilities'):
        instructions = torch.cpu.get_capabilities()
        return any(instructions.get(n) for n in ('avx512_bf16', 'amx_bf16', 'bf16'))
    return False


def chosen_precision(autocast: str | None) -> str | None:
    """What the key ``model.autocast`` asks for on this device.

    Args:
        autocast (str, optional): ``'bfloat16'``, None for float32, or ``'auto'``: bfloat16
            where the device has instructions for it. The log names what ``'auto'`` chose.

    Returns:
        str | None: ``'bfloat16'`` or None.

    Raises:
        ConfigError: It is something else.
    """
    if autocast not in (None, 'bfloat16', 'auto'):
        raise ConfigError(f"model.autocast='{autocast}' must be None, 'bfloat16' or 'auto'")
    if autocast == 'auto':
        autocast = 'bfloat16' if has_bfloat16(get_device()) else None
        print_log(f"model.autocast='auto' is {autocast or 'float32'} here", 'current')
    return autocast
