"""The training loop: rounds of inversion and distillation, without any dataset."""

import time

import torch
from mmengine.dist import get_rank
from mmengine.runner import BaseLoop
from torch import Tensor, nn

from ssdkd.engine.memory import check_memory
from ssdkd.errors import ConfigError
from ssdkd.registry import LOOPS


class LatentStream:
    """Stands where mmengine expects a training dataloader; holds no data at all.

    mmengine's hooks ask a loader for its length and for the meta information of a dataset.
    """

    class _NoDataset:
        metainfo = None

    def __init__(self, steps_per_round: int):
        self.dataset = self._NoDataset()
        self.steps_per_round = steps_per_round

    def __len__(self) -> int:
        return self.steps_per_round


@LOOPS.register_module()
class DistillLoop(BaseLoop):
    """Rounds of one generator phase and many student steps; mmengine's epoch is a round.

    Warm-up rounds run the generator phase only. Learning-rate schedules by iteration count
    student steps. Each round adds the scalars ``seconds/inversion`` and
    ``seconds/distillation``, cumulated; validation and hooks are not in them.

    Args:
        runner (Runner): The runner.
        dataloader (dict): Must be empty: training reads no dataset.
        max_rounds (int): Rounds in all, warm-up included.
        steps_per_round (int): Student steps a round.
        warmup_rounds (int): Rounds that only synthesise. Defaults to 0.
        val_interval (int): Rounds between validations, if there is a val set. Defaults to 1.
        val_begin (int): First round that may validate. Defaults to 1.
    """

    def __init__(
        self,
        runner,
        dataloader: dict,
        max_rounds: int,
        steps_per_round: int,
        warmup_rounds: int = 0,
        val_interval: int = 1,
        val_begin: int = 1,
    ):
        if dataloader:
            raise ConfigError(
                'train_dataloader must be dict(): data-free training reads no '
                'dataset, its samples come from the generator'
            )
        if max_rounds <= warmup_rounds:
            raise ConfigError(
                f'train_cfg.max_rounds={max_rounds} must be greater than '
                f'train_cfg.warmup_rounds={warmup_rounds}'
            )
        super().__init__(runner, LatentStream(steps_per_round))
        self.max_rounds = max_rounds
        self.steps_per_round = steps_per_round
        self.warmup_rounds = warmup_rounds
        self.val_interval = val_interval
        self.val_begin = val_begin
        self._epoch = 0
        self._iter = 0
        self.distiller = getattr(runner.model, 'module', runner.model)
        self.distiller.seed(runner.seed + get_rank())
        self._check_capacity()

    def _check_capacity(self) -> None:
        buffer, synthesizer = self.distiller.buffer, self.distiller.synthesizer
        given_as = 'batch_size' if synthesizer.samples is None else 'samples'
        for key, size in (
            ('model.batch_size', self.distiller.batch_size),
            (f'model.synthesizer.{given_as}', synthesizer.batch_size),
        ):
            if buffer.capacity < size:
                raise ConfigError(
                    f'model.buffer.capacity={buffer.capacity} is smaller than '
                    f'{key}={size}; enlarge the buffer or shrink the batch'
                )

    # mmengine's hooks read these names.
    @property
    def max_epochs(self) -> int:
        return self.max_rounds

    @property
    def max_iters(self) -> int:
        return (self.max_rounds - self.warmup_rounds) * self.steps_per_round

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def iter(self) -> int:
        return self._iter

    def run(self) -> nn.Module:
        """Run all rounds that are left."""
        check_memory(self.runner)
        if self.runner.val_loop is not None:
            self.runner.val_loop.dataloader.dataset[0]  # misplaced or wrong labels show now
        self.runner.call_hook('before_train')
        self._seconds = self.runner.message_hub.runtime_info.get(
            'seconds', dict(inversion=0.0, distillation=0.0)
        )
        while self._epoch < self.max_rounds:
            self.run_round()
            validates = (
                self.runner.val_loop is not None
                and self._epoch >= self.val_begin
                and (self._epoch % self.val_interval == 0 or self._epoch == self.max_rounds)
            )
            if validates:
                # A data loader draws a seed from the global state; training must not notice.
                with torch.random.fork_rng(devices=[]):
                    self.runner.val_loop.run()
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_round(self) -> None:
        """One generator phase, then the student steps unless this is a warm-up round."""
        self.runner.call_hook('before_train_epoch')
        self.distiller.train()
        self.distiller.buffer.round = self._epoch
        warmup = self._epoch < self.warmup_rounds

        start = self._now()
        log = {
            f'inversion_{name}': value
            for name, value in self.distiller.synthesize(
                self.runner.optim_wrapper, warmup
            ).items()
        }
        middle = self._now()
        scalars = {}
        if warmup:
            values = self._read(log)
            # Under names of their own: other curves of these terms count student steps.
            scalars = {f'warmup/{k}': v for k, v in values.items()}
            self.runner.logger.info(
                f'Round [{self._epoch + 1}/{self.max_rounds}] warm-up  '
                + '  '.join(f'{k}: {v:.4f}' for k, v in values.items())
            )
        else:
            self.run_steps(log)
        self._check_weights()
        self._seconds['inversion'] += middle - start
        self._seconds['distillation'] += self._now() - middle
        self.runner.message_hub.update_info('seconds', dict(self._seconds))
        scalars |= {f'seconds/{phase}': value for phase, value in self._seconds.items()}
        self.runner.visualizer.add_scalars(scalars, step=self._epoch + 1)

        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def run_steps(self, log: dict[str, Tensor]) -> None:
        """The student steps of one round, logged as their mean together with ``log``."""
        sums: dict[str, Tensor] = {}
        for step in range(self.steps_per_round):
            self.runner.call_hook('before_train_iter', batch_idx=step, data_batch=None)
            outputs = self.runner.model.train_step(None, self.runner.optim_wrapper)
            sums = {k: v + sums.get(k, 0) for k, v in outputs.items()}
            outputs = None
            if step + 1 == self.steps_per_round:
                # The one moment of a round at which the host waits for the device.
                outputs = self._read(
                    {k: v / self.steps_per_round for k, v in sums.items()} | log
                )
            self.runner.call_hook(
                'after_train_iter', batch_idx=step, data_batch=None, outputs=outputs
            )
            self._iter += 1

    def _read(self, values: dict[str, Tensor]) -> dict[str, float]:
        if not values:  # a synthesizer without a loss, in a warm-up round
            return {}
        numbers = torch.stack([v.float() for v in values.values()]).tolist()
        values = dict(zip(values, numbers))
        for name, value in values.items():
            if value != value or abs(value) == float('inf'):
                raise self._diverged(f"'{name}' is {value}")
        return values

    def _check_weights(self) -> None:
        parameters = [p.detach() for p in self.distiller.parameters() if p.requires_grad]
        if not torch.stack([p.isfinite().all() for p in parameters]).all():
            raise self._diverged('a weight of the student or the generator is not finite')

    def _diverged(self, what: str) -> ConfigError:
        last = self.runner.message_hub.runtime_info.get('last_ckpt', 'none yet')
        return ConfigError(
            f'training stopped in round {self._epoch + 1}: {what}. Last good checkpoint: '
            f'{last}. Lower optim_wrapper.*.optimizer.lr or the weight of this loss'
        )

    def _now(self) -> float:
        if self.distiller.rng.device.type == 'cuda':
            torch.cuda.synchronize()
        return time.perf_counter()
