"""Several processes of one run, as torchrun starts them, but with the imports made once."""

import multiprocessing
import os
import socket
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

# The server, from which the processes are forked, has never trained: forking is safe there.
_context = multiprocessing.get_context('forkserver')
_context.set_forkserver_preload(['ssdkd.apis', 'ssdkd.distillers', 'ssdkd.engine', 'sklearn'])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def run_together(n: int, function: Callable, *args, timeout: float = 120) -> list[int]:
    """Call ``function(*args)`` in ``n`` processes that can find each other.

    Returns:
        list[int]: Exit statuses; what went wrong is printed, and with it status 1.
    """
    port = free_port()
    processes = [
        _context.Process(target=_one, args=(rank, n, port, function, args)) for rank in range(n)
    ]
    for process in processes:
        process.start()
    deadline = time.monotonic() + timeout
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0))
    for process in processes:
        process.kill()  # nothing happens to one that has ended
        process.join()
    return [process.exitcode for process in processes]


def _one(rank: int, n: int, port: int, function: Callable, args: tuple) -> None:
    os.environ |= dict(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(n),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
        OMP_NUM_THREADS='1',
        TORCHELASTIC_RUN_ID='test',  # so that torch sees a launcher
    )
    os.chdir(Path(__file__).resolve().parents[1])
    torch.set_num_threads(1)
    try:
        function(*args)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # taking down the group and what hangs on it may never end
