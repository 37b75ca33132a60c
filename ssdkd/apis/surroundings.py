"""Global states that a run changes, given back to the caller as they were."""

import logging
import multiprocessing
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import mmengine.device.utils as mmengine_device
import numpy as np
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

# Of mmengine: of each of these the instance that was made last is the current one.
MANAGED = (DefaultScope, MMLogger, MessageHub, Visualizer)


@contextmanager
def kept_surroundings(device: str) -> Iterator[None]:
    """Run a training as a guest of the caller's process.

    Inside, gradients are computed whatever the caller has switched off, and mmengine uses
    ``device``. Afterwards, also after an error or Ctrl-C, everything is as it was:
    random states (Python, numpy, torch), grad and inference mode, numbers of threads, cuDNN's
    settings, environment variables, warning filters, signal handlers, start method of
    processes, limit of open files, loggers, and mmengine's default scope and other instances.

    Args:
        device (str): As torch names it.
    """
    with ExitStack() as stack:
        for restore in (*_torch(), *_process(), *_mmengine()):
            stack.callback(restore)
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        mmengine_device.DEVICE = device  # the Runner has no key for it
        yield


def _torch() -> Iterator[Callable[[], object]]:
    """Restores the states of torch, numpy and random."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    threads, cudnn = torch.get_num_threads(), torch.backends.cudnn
    flags = cudnn.benchmark, cudnn.deterministic
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()

    def restore_random() -> None:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        elif torch.cuda.is_initialized():  # as the caller's torch.manual_seed would have it
            torch.cuda.manual_seed_all(torch.initial_seed())

    def restore_flags() -> None:
        cudnn.benchmark, cudnn.deterministic = flags
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)

    yield restore_random
    yield restore_flags


def _process() -> Iterator[Callable[[], object]]:
    """Restores the environment, signal handlers, start method, limits and OpenCV's threads."""
    environment, method = dict(os.environ), multiprocessing.get_start_method(allow_none=True)

    def restore_environment() -> None:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)

    yield restore_environment
    yield lambda: multiprocessing.set_start_method(method, force=True)
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}

        def restore_signals() -> None:
            for number, handler in handlers.items():
                if handler is not None and signal.getsignal(number) is not handler:
                    signal.signal(number, handler)

        yield restore_signals
    if sys.platform != 'win32':
        import resource

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    if cv2 := sys.modules.get('cv2'):
        threads = cv2.getNumThreads()
        yield lambda: cv2.setNumThreads(threads)


def _mmengine() -> Iterator[Callable[[], object]]:
    """Restores mmengine's device and current instances, and all loggers."""
    device = mmengine_device.DEVICE
    instances = {kind: dict(kind._instance_dict) for kind in MANAGED}
    named = [x for x in logging.root.manager.loggerDict.values() if hasattr(x, 'handlers')]
    loggers = [logging.root, *named, *instances[MMLogger].values()]
    states = [(x, x.level, list(x.handlers), x.propagate, x.disabled) for x in loggers]
    levels = [(handler, handler.level) for x in loggers for handler in x.handlers]
    disabled = logging.root.manager.disable

    def restore_instances() -> None:
        mmengine_device.DEVICE = device
        for name, logger in MMLogger._instance_dict.items():
            if name not in instances[MMLogger]:
                for handler in logger.handlers:
                    handler.close()
        for kind, known in instances.items():
            kind._instance_dict.clear()
            kind._instance_dict.update(known)

    def restore_loggers() -> None:
        logging.disable(disabled)
        for logger, level, handlers, propagate, is_disabled in states:
            logger.setLevel(level)
            logger.handlers[:] = handlers
            logger.propagate, logger.disabled = propagate, is_disabled
        for handler, level in levels:
            handler.setLevel(level)

    yield restore_instances
    yield restore_loggers
