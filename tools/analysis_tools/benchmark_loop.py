"""Compare our round with the same arithmetic in a bare PyTorch loop, and time the replay.

Both run alternately in one process on the same networks; the bare loop knows no registry,
runner, hook, contract or checkpoint. Printed: seconds per round, and the ratio of medians.
"""

import argparse
import copy
import statistics
import tempfile
import time
from pathlib import Path

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
import torch
import torch.nn.functional as F
from mmengine.config import Config, DictAction
from mmengine.hooks import Hook
from mmengine.runner import Runner
from ssdkd.apis import command, load_config
from ssdkd.losses.inversion.bn_statistics import BatchMoments
from torch import nn

import benchmark_replay


class BareRound:
    """One round of SSD-KD, written out for one setting: classification, raw BN statistics."""

    def __init__(self, distiller, cfg: Config):
        self.teacher, self.student = (
            copy.deepcopy(getattr(distiller, n)) for n in ('teacher', 'student')
        )
        self.generator = copy.deepcopy(distiller.synthesizer.generator)
        for module in (self.teacher, self.generator):
            for layer in module.modules():
                layer._forward_pre_hooks.clear()
        self.device = next(self.student.parameters()).device
        self.bfloat16 = distiller.autocast is not None
        self.inputs = []
        self.layers = [m for m in self.teacher.modules() if isinstance(m, nn.BatchNorm2d)]
        for layer in self.layers:
            layer.register_forward_pre_hook(self.record)
        # Transforms are functions of torch in both.
        self.invert_view = distiller.synthesizer.augmentation
        self.distil_view = distiller.augment
        self.model, self.steps = cfg.model, cfg.train_cfg.steps_per_round
        self.weights = {k: v.weight for k, v in distiller.synthesizer.losses.items()}
        self.student_optimizer = torch.optim.SGD(
            self.student.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True
        )
        self.generator_optimizer = torch.optim.Adam(
            self.generator.parameters(), lr=2e-3, betas=(0.5, 0.999)
        )
        capacity = cfg.model.buffer.capacity
        k, size = cfg.num_classes, distiller.synthesizer.image_size
        self.image = torch.zeros(capacity, 3, *size, dtype=torch.uint8, device=self.device)
        self.priority = torch.zeros(capacity, device=self.device)
        self.birth = torch.zeros(capacity, device=self.device)
        self.label = torch.zeros(capacity, dtype=torch.long, device=self.device)
        self.counts = torch.zeros(k, device=self.device)
        self.filled, self.classes = 0, k

    def record(self, layer, inputs):
        if torch.is_grad_enabled():
            self.inputs.append(inputs[0])

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    def kl(self, student, teacher, t):
        p, q = (F.log_softmax(x.float() / t, 1) for x in (teacher, student))
        return (p.exp() * (p - q)).sum(1) * t * t

    def phi(self, logits):
        with torch.no_grad():
            confidence, label = logits.float().softmax(1).max(1)
            share = self.counts / self.counts.sum().clamp_min(1)
            phi = (1 - share[label]) * (1 - confidence)
            return phi / phi.mean()

    def invert(self):
        s = self.model.synthesizer
        self.student.eval().requires_grad_(False)
        z = torch.randn(s.batch_size, self.generator.latent_dim, device=self.device)
        z.requires_grad_()
        y = torch.randint(self.classes, (s.batch_size,), device=self.device)
        latent_optimizer = torch.optim.Adam([z], s.latent_lr, betas=(0.5, 0.999))
        best, best_images = torch.full((), torch.inf, device=self.device), None
        for _ in range(s.steps):
            with self.autocast():
                images = self.generator(z, y)
                seen = self.invert_view(images)
                teacher, student = self.teacher(seen), self.student(seen)
                phi = self.phi(teacher)
                bn = 0
                for layer, x in zip(self.layers, self.inputs):
                    mean, variance = BatchMoments.apply(x)
                    bn = bn + (mean - layer.running_mean).norm()
                    bn = bn + (variance - layer.running_var).norm()
                self.inputs.clear()
                prior = F.cross_entropy(teacher.float(), y, reduction='none')
                adversarial = self.kl(student, teacher, s.losses.adversarial.temperature)
                loss = (
                    self.weights['bn'] * bn
                    + self.weights['class_prior'] * (phi * prior).mean()
                    - self.weights['adversarial'] * (phi * adversarial).mean()
                )
            better = loss.detach() < best
            best = torch.where(better, loss.detach(), best)
            best_images = (
                images.detach()
                if best_images is None
                else torch.where(better, images.detach(), best_images)
            )
            self.generator_optimizer.zero_grad()
            latent_optimizer.zero_grad()
            loss.backward()
            self.generator_optimizer.step()
            latent_optimizer.step()
        self.student.train().requires_grad_(True)
        return best_images.float()

    @torch.no_grad()
    def store(self, images):
        with self.autocast():
            label = self.teacher(images).argmax(1)
        n, capacity = len(images), len(self.image)
        if self.filled + n <= capacity:
            slots = torch.arange(self.filled, self.filled + n, device=self.device)
            self.filled += n
        else:  # crowded classes first, least useful first
            rank = self.counts[self.label] - self.priority.argsort().argsort() / capacity
            slots = rank.argsort(descending=True)[:n]
        self.image[slots] = (images * 255).round().byte()
        self.label[slots], self.priority[slots] = label, self.priority.max().clamp_min(1)
        self.counts = torch.bincount(self.label[: self.filled], minlength=self.classes).float()

    def distil(self):
        model = self.model
        for _ in range(self.steps):
            p = (self.priority[: self.filled] + 1e-6) ** 0.6
            p = p / p.sum()
            slots = torch.multinomial(p, model.batch_size, replacement=True)
            weights = (self.filled * p[slots]) ** -0.4
            images = self.distil_view(self.image[slots].float() / 255)
            if model.get('channels_last'):
                images = images.contiguous(memory_format=torch.channels_last)
            with self.autocast():
                with torch.no_grad():
                    teacher = self.teacher(images)
                student = self.student(images)
            kl = self.kl(student, teacher, model.distillation.kl.temperature)
            loss = (weights / weights.max() * self.phi(teacher) * kl).mean()
            self.student_optimizer.zero_grad()
            loss.backward()
            self.student_optimizer.step()
            self.priority[slots] = (weights * kl).detach()

    def __call__(self):
        self.store(self.invert())
        self.distil()


class AlternateHook(Hook):
    """Runs a bare round before each of ours and times both."""

    priority = 'VERY_LOW'

    def __init__(self, cfg: Config):
        self.cfg, self.bare, self.ours_s, self.bare_s = cfg, None, [], []

    def before_train_epoch(self, runner):
        if self.bare is None:
            self.bare = BareRound(runner.model, self.cfg)
        self.bare_s.append(timed(self.bare))
        self.start = now()

    def after_train_epoch(self, runner):
        self.ours_s.append(now() - self.start)


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def timed(function) -> float:
    start = now()
    function()
    return now() - start


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        'config',
        nargs='?',
        default='configs/cls/cifar10jpeg_resnet56_resnet20_ssdkd.py',
        help='a classification config',
    )
    parser.add_argument(
        '--rounds', type=int, default=8, help='rounds of each; the first two are left out'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change config values',
    )
    parser.add_argument(
        '--skip-replay', action='store_true', help='leave out the replay benchmark'
    )
    args = parser.parse_intermixed_args()
    args.work_dir = tempfile.mkdtemp()
    return args


def benchmark(cfg: Config, rounds: int) -> tuple[float, float]:
    """Median seconds of our round and of the bare one."""
    cfg.train_cfg.update(max_rounds=rounds, warmup_rounds=0)
    cfg.model.synthesizer.losses.bn.momentum = 0.0
    cfg.model.synthesizer.losses.adversarial.decision = False
    for key in (
        'val_dataloader',
        'val_evaluator',
        'val_cfg',
        'test_dataloader',
        'test_evaluator',
        'test_cfg',
    ):
        cfg.pop(key, None)
    cfg.custom_hooks, cfg.default_hooks.checkpoint = [], None
    cfg.log_level = 'WARNING'
    if not Path(cfg.model.teacher.get('checkpoint') or '').is_file():
        # Random weights take the same time.
        network = Runner.build_model(Runner, cfg.model.teacher.model)
        cfg.model.teacher.checkpoint = f'{cfg.work_dir}/random.pth'
        torch.save(network.state_dict(), cfg.model.teacher.checkpoint)
    runner = Runner.from_cfg(cfg)
    hook = AlternateHook(cfg)
    runner.register_hook(hook)
    runner.train()
    return statistics.median(hook.ours_s[2:]), statistics.median(hook.bare_s[2:])


@command
def main() -> None:
    args = parse_args()
    ours, bare = benchmark(load_config(args), args.rounds)
    device = 'CUDA' if torch.cuda.is_available() else f'CPU, {torch.get_num_threads()} threads'
    print(f'{device}: our round {ours:.3f} s, bare loop {bare:.3f} s, ratio {ours / bare:.3f}')
    if not args.skip_replay:
        benchmark_replay.main([])


if __name__ == '__main__':
    main()
