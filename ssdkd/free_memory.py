"""Free memory of the host and of an accelerator."""

import os
from pathlib import Path

import torch

# A limit above this stands for none.
UNLIMITED = 2**60


def free_memory(device: torch.device | str, root: Path = Path('/')) -> int | None:
    """Bytes that this process can still take on a device; None if unknown.

    On the host that is the least of what the kernel calls available and what the control
    groups (v1 or v2) of this process leave; of processes that torchrun started on one host
    each gets an equal part. On macOS it is all memory of the machine.

    Args:
        device (torch.device | str): ``'cpu'``, ``'mps'``, ``'cuda:0'`` ...
        root (Path): Where ``proc`` and ``sys`` are found. Defaults to ``/``.
    """
    device = torch.device(device)
    if device.type == 'cuda':
        # torch keeps what it has freed, and takes it again before it asks the driver.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    if device.type not in ('cpu', 'mps'):
        return None
    free = [_available(root), *_left_by_groups(root)]
    free = [value for value in free if value is not None]
    return min(free) // int(os.environ.get('LOCAL_WORLD_SIZE', 1)) if free else None


def _available(root: Path) -> int | None:
    info = root / 'proc/meminfo'
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith('MemAvailable:'):
                return int(line.split()[1]) * 2**10
    if 'SC_PHYS_PAGES' in getattr(os, 'sysconf_names', {}):
        return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return None


def _left_by_groups(root: Path) -> list[int]:
    """What each control group leaves, from that of this process up to the root."""
    file = root / 'proc/self/cgroup'
    left = []
    for line in file.read_text().splitlines() if file.is_file() else []:
        _, controllers, path = line.split(':', 2)
        if not controllers:
            mount, limit, usage, cache = 'sys/fs/cgroup', 'max', 'current', ''
        elif 'memory' in controllers.split(','):
            mount = 'sys/fs/cgroup/memory'
            limit, usage, cache = 'limit_in_bytes', 'usage_in_bytes', 'total_'
        else:
            continue
        group = root / mount / path.strip('/')
        # In a container the path may be that of the host, which is not mounted there.
        for folder in (group, *group.parents):
            if (folder / f'memory.{limit}').is_file():
                left.append(_left(folder, limit, usage, cache))
            if folder == root / mount:
                break
    return [value for value in left if value is not None]


def _left(folder: Path, limit: str, usage: str, cache: str) -> int | None:
    most = (folder / f'memory.{limit}').read_text().strip()
    if most == 'max' or int(most) >= UNLIMITED:
        return None
    used = int((folder / f'memory.{usage}').read_text())
    lines = (folder / 'memory.stat').read_text().splitlines()
    stat = dict(line.split() for line in lines)
    # Cached files count as used, but the kernel gives them up when memory is asked for.
    files = sum(int(stat.get(f'{cache}{kind}_file', 0)) for kind in ('active', 'inactive'))
    return max(int(most) - used + files, 0)
