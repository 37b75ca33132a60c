"""Number formats that a device computes fast."""

import torch


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
