"""Small runs of the shipped configs, and the commands as their users start them."""

import copy
import itertools
import os
import runpy
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import mmengine.config.config
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from ssdkd.engine import RoleOptimWrapperConstructor
from ssdkd.models import NetworkOutput, recording
from ssdkd.registry import ALL_REGISTRIES, MODELS
from ssdkd.synthesizers import SynthesisContext

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / 'configs/cls/digits_resnet20_resnet8_ssdkd.py'
_runs = itertools.count()

# mmengine formats the config again for every checkpoint, which would take most of a tiny run.
mmengine.config.config.FormatCode = lambda text, **kwargs: (text, True)

# What makes the shipped digits config take a second.
TINY = {
    'model.teacher.model.depth': 8,
    'model.synthesizer.generator.width': 8,
    'model.synthesizer.generator.latent_dim': 16,
    'model.synthesizer.generator.image_size': 16,
    'model.synthesizer.batch_size': 16,
    'model.synthesizer.steps': 2,
    'model.synthesizer.samples': None,  # those of its batch
    'model.synthesizer.losses.bn.momentum': 0.9,  # so that its average is resumed, too
    'model.buffer.capacity': 64,
    'model.batch_size': 16,
    'model.keep_answers': False,
    'train_cfg.max_rounds': 4,
    'train_cfg.warmup_rounds': 1,
    'train_cfg.steps_per_round': 2,
    'train_cfg.val_interval': 2,
    'val_dataloader.dataset.image_size': 16,
    'test_dataloader.dataset.image_size': 16,
    'default_hooks.checkpoint.interval': 1,
}
NO_VAL = dict(
    val_dataloader=None,
    val_cfg=None,
    val_evaluator=None,
    test_dataloader=None,
    test_cfg=None,
    test_evaluator=None,
)


def save_teacher(model: dict, path: Path, image_size: int = 32) -> str:
    """Save random weights for a model's config, whose batch norms have seen some images."""
    torch.manual_seed(0)
    network = MODELS.build(copy.deepcopy(model))
    for layer in network.modules():
        if hasattr(layer, 'running_mean'):
            layer.momentum = None  # a plain average
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(8, 3, image_size, image_size))
    torch.save(network.state_dict(), path)
    return str(path)


def tiny_config(folder: Path, options: dict | None = None, path: Path = DIGITS) -> Config:
    """A shipped config with a random teacher, made tiny; it writes below ``folder``."""
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(TINY)
    cfg.merge_from_dict({'model.teacher.checkpoint': str(folder / 'teacher.pth')})
    if options:
        cfg.merge_from_dict(options)
    if not (folder / 'teacher.pth').exists():
        save_teacher(cfg.model.teacher.model, folder / 'teacher.pth', image_size=16)
    cfg.work_dir = str(folder / 'run')
    return cfg


def build_runner(cfg: Config, kind: type[Runner] = Runner) -> Runner:
    """A runner that shares nothing with the other ones of this process."""
    cfg.experiment_name = f'test_{os.getpid()}_{next(_runs)}'
    return kind.from_cfg(cfg)


def student_of(cfg: Config) -> dict[str, torch.Tensor]:
    """The weights that a finished run exported."""
    return torch.load(Path(cfg.work_dir) / 'student.pth')


def check_resumed(cfg: Config, last: int) -> None:
    """A run that is resumed from a round gives the student of one that was not stopped.

    ``cfg`` must keep the checkpoint of that round; it is the resumed run's afterwards.
    """
    build_runner(cfg).train()
    expected = student_of(cfg)
    cfg.load_from = str(Path(cfg.work_dir) / f'round_{last}.pth')
    cfg.resume = True
    cfg.work_dir += '_resumed'
    build_runner(cfg).train()
    assert all(torch.equal(v, expected[k]) for k, v in student_of(cfg).items())


def plain_optimizers(distiller, momentum: float = 0.0):
    """SGD for student and generator, for steps outside a Runner."""
    sgd = dict(type='SGD', lr=0.1, momentum=momentum)
    wrapper = dict(type='OptimWrapper', optimizer=sgd)
    return RoleOptimWrapperConstructor(dict(student=wrapper, generator=wrapper))(distiller)


def synthesis_context(distiller, optim_wrapper=None, **changes) -> SynthesisContext:
    """What a distiller gives to its synthesizer in a round."""
    parts = dict(
        teacher=distiller.teacher,
        student=distiller.student.eval(),
        task=distiller.task,
        modulation=distiller.phi,
        buffer=distiller.buffer,
        optim_wrapper=optim_wrapper,
        rng=distiller.rng,
        round=distiller.buffer.round,
        warmup=False,
    )
    return SynthesisContext(**(parts | changes))


def build_distiller(cfg: Config):
    """The config's model, ready to train outside a Runner."""
    torch.manual_seed(0)
    distiller = MODELS.build(cfg.model)
    distiller.seed(0)
    return distiller


def compared(term, teacher, student, images, task=None):
    """The value of a distillation term for one pass of both networks, as in a step."""

    def output(network, layers):
        with recording(network.model, layers) as features:
            return NetworkOutput(network(images), features)

    with torch.no_grad():
        of_teacher = output(teacher, term.teacher_layers)
    return term.compare(output(student, term.student_layers), of_teacher, task)


def as_options(options: dict) -> list[str]:
    """The same as arguments of ``--cfg-options``."""
    return [f'{key}={value}' for key, value in options.items()]


def call_tool(script: str, *args) -> None:
    """The command in this process, which spares the start of another."""
    argv, sys.argv = sys.argv, [script, *map(str, args)]
    if '--cfg-options' in sys.argv:
        # Runs of one second would share mmengine's global state.
        name = f'experiment_name=test_{os.getpid()}_{next(_runs)}'
        sys.argv.insert(sys.argv.index('--cfg-options') + 1, name)
    try:
        runpy.run_path(str(ROOT / 'tools' / script))['main']()
    finally:
        sys.argv = argv


@contextmanager
def unregistered():
    """Components that are registered inside, and modules that are imported, are gone after."""
    for registry in ALL_REGISTRIES:
        registry.import_from_location()
    before = [dict(registry.module_dict) for registry in ALL_REGISTRIES]
    modules, path = set(sys.modules), list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        for registry, components in zip(ALL_REGISTRIES, before):
            theirs = {
                c.__module__ for n, c in registry.module_dict.items() if n not in components
            }
            for name in theirs & set(sys.modules) - modules:
                del sys.modules[name]
            registry.module_dict.clear()
            registry.module_dict.update(components)


def environment() -> dict[str, str]:
    """Of a process that imports this tree, wherever it works, with one thread."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get('PYTHONPATH'))))
    return dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=path)


def run_tool(script: str, *args, timeout: int = 120) -> subprocess.CompletedProcess:
    """Run ``tools/<script>`` in a process of its own, from the repository's root."""
    return subprocess.run(
        [sys.executable, f'tools/{script}', *map(str, args)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
