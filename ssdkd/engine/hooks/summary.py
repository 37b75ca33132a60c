"""Summary of a run: its last log line, and ``summary.json``."""

import json
import math
import resource
import sys
from pathlib import Path

import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook

from ssdkd.atomic import write_whole
from ssdkd.engine.hooks.buffer_statistics import buffer_statistics
from ssdkd.evaluation.chance import at_chance
from ssdkd.registry import HOOKS
from ssdkd.runs.files import SUMMARY
from ssdkd.runs.random_state import random_state, set_random_state


def peak_memory() -> dict[str, float]:
    """The most memory that this process has held so far, in MiB.

    Returns:
        dict: ``peak_memory_mib``, resident, libraries included; where there is an accelerator
        also ``peak_device_memory_mib``, that of torch's allocator.
    """
    status = Path('/proc/self/status')
    lines = status.read_text().splitlines() if status.is_file() else []
    marks = [int(line.split()[1]) for line in lines if line.startswith('VmHWM')]
    if marks:
        # Not getrusage: on Linux a process inherits that peak from the one that started it.
        peak = marks[0] / 2**10
    else:
        unit = 2**20 if sys.platform == 'darwin' else 2**10  # bytes, or KiB
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    values = {'peak_memory_mib': round(peak)}
    if torch.cuda.is_available():
        device = torch.cuda.max_memory_allocated() / 2**20
        values['peak_device_memory_mib'] = round(device, 1)
    return values


@HOOKS.register_module()
class SummaryHook(Hook):
    """Evaluates every network and logs the result of the run in one line.

    What is only read, such as the teacher, is evaluated before the first round, and what is
    trained at the end. The line is the last of the log; ``summary.json`` in the work directory
    holds the same, with ``null`` for a ratio of classes that is infinite.
    Without a val set the accuracies are left out. Of several processes it counts the samples of
    all, and states mean confidence and memory of the first.
    """

    priority = 'LOWEST'

    def before_train(self, runner) -> None:
        """Evaluate what is only read: wrong weights or labels show before hours of training."""
        self._fixed = {}
        if runner.val_loop is None:
            return
        distiller = getattr(runner.model, 'module', runner.model)
        before = random_state()  # a loader draws from it
        for role in distiller.networks:
            if role in distiller.trained:
                continue
            metrics = self._fixed[role] = self._evaluate(runner, role)
            images = len(runner.val_loop.dataloader.dataset)
            said = at_chance(role, metrics, distiller.task.num_classes, images)
            if said is not None:
                runner.logger.warning(said)
        set_random_state(before)

    def after_train(self, runner) -> None:
        distiller = getattr(runner.model, 'module', runner.model)
        summary = {}
        if runner.val_loop is not None:
            for role in distiller.networks:
                metrics = self._fixed.get(role) or self._evaluate(runner, role)
                summary |= {f'{role}_{name}': value for name, value in metrics.items()}
        for role, network in distiller.networks.items():
            summary[f'{role}_parameters'] = sum(p.numel() for p in network.parameters())
        trained, networks = distiller.trained, distiller.networks
        summary['teachers'] = [role for role in networks if role not in trained]
        students = [role for role in networks if role in trained]
        # What was validated after each round comes first.
        summary['students'] = sorted(students, key=lambda role: role != distiller.evaluated)
        estimate = runner.message_hub.get_info('estimate') or {}
        summary |= {f'estimate_{name}': round(value, 3) for name, value in estimate.items()}
        statistics = buffer_statistics(distiller.buffer)
        seconds = runner.message_hub.get_info('seconds')
        samples = torch.tensor(len(distiller.buffer))
        all_reduce(samples)
        summary['buffer_samples'] = int(samples)
        if distiller.buffer.needs_facts:
            summary['class_ratio'] = round(statistics['class_ratio'], 2)
            summary['empty_classes'] = int(statistics['empty_classes'])
            summary['mean_confidence'] = round(statistics['confidence'], 3)
        summary |= {
            'inversion_seconds': round(seconds['inversion'], 1),
            'distillation_seconds': round(seconds['distillation'], 1),
            **peak_memory(),
            'rounds': runner.epoch,
            'student_steps': runner.iter,
            'seed': runner.seed,
        }
        if not is_main_process():  # the evaluation above needs every process
            return
        path = Path(runner.work_dir, SUMMARY)
        # JSON has neither NaN nor infinity, which an empty class makes of the ratio.
        stored = {
            k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in summary.items()
        }
        write_whole(path, json.dumps(stored, indent=2) + '\n')
        runner.logger.info('Summary  ' + '  '.join(f'{k}: {v}' for k, v in summary.items()))

    @staticmethod
    @torch.no_grad()
    def _evaluate(runner, role: str) -> dict[str, float]:
        # Not through the val loop: its hooks would take the teacher's accuracy for the
        # student's and keep a "best" checkpoint by it.
        distiller = getattr(runner.model, 'module', runner.model)
        loop = runner.val_loop
        distiller.eval()
        with distiller.evaluating(role):
            for batch in loop.dataloader:
                outputs = distiller.val_step(batch)
                loop.evaluator.process(data_samples=outputs, data_batch=batch)
        metrics = loop.evaluator.evaluate(len(loop.dataloader.dataset))
        # Floats of numpy, such as those of mmseg, are not JSON.
        metrics = {name: round(float(value), 2) for name, value in metrics.items()}
        values = '  '.join(f'{name}: {value}' for name, value in metrics.items())
        runner.logger.info(f'Validation of the {role}  {values}')
        return metrics
