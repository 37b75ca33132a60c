"""The networks that a config names, outside of training."""

import copy
from collections.abc import Iterator

from mmengine.config import Config

from ssdkd.errors import ConfigError
from ssdkd.mmseg import is_mmseg_config
from ssdkd.models import Network, student_config
from ssdkd.registry import MODELS, nearest


def network_roles(cfg: Config) -> list[str]:
    """Keys of ``model`` that hold the config of a network, the teacher's first.

    Those of every distillation are ``teacher`` and ``student``; a plugin's distiller may have
    more, such as a second student.
    """
    found = {
        key
        for key, part in cfg.model.items()
        if key in ('teacher', 'student') or (isinstance(part, dict) and 'model' in part)
    }
    return sorted(found, key=lambda role: (role != 'teacher', role != 'student', role))


def members(part: dict, key: str) -> Iterator[tuple[str, dict]]:
    """Key and config of each network of a part: the part itself, or those of an ensemble.

    Args:
        part: Such as ``model.teacher``.
        key: Its own key.
    """
    if isinstance(part.get('model'), dict):
        yield key, part
        return
    for name, value in part.items():
        listed = isinstance(value, list | tuple)
        for i, inner in enumerate(value if listed else [value]):
            if isinstance(inner, dict):
                yield from members(inner, f'{key}.{name}.{i}' if listed else f'{key}.{name}')


def network_config(cfg: Config, role: str = 'student', checkpoint: str | None = None) -> dict:
    """Config of one network, with its weights.

    Args:
        cfg: Config of a distillation, or of a teacher's own training, whose one network is
            meant either way.
        role: One of :func:`network_roles`.
        checkpoint: File of its weights; by default, for the teacher, what the config names.

    Raises:
        ConfigError: There is no such role, or it is a student without a checkpoint.
    """
    teacher = role == 'teacher'
    if cfg.model.type == 'Classifier':  # the configs of a teacher's own training
        network = dict(cfg.model.network)
    elif is_mmseg_config(cfg.model):
        network = dict(model=cfg.model)
    elif role not in network_roles(cfg):
        raise ConfigError(
            f'--role {role}: model has no such network{nearest(role, network_roles(cfg))}'
        )
    elif teacher and cfg.model.teacher.get('type', 'Teacher') != 'Teacher':  # an ensemble
        if checkpoint is not None:
            raise ConfigError(
                f'model.teacher is a {cfg.model.teacher.type}, whose weights its own config '
                'names; leave the checkpoint out'
            )
        return dict(cfg.model.teacher)
    elif teacher:
        network = dict(cfg.model.teacher)
    else:
        network = student_config(cfg.model[role], cfg.model.teacher) | dict(role=role)
    if checkpoint is not None:
        network.pop('checkpoint_key', None)  # of the config's own file
    network['checkpoint'] = checkpoint or (network.get('checkpoint') if teacher else None)
    if network['checkpoint'] is None and not teacher:
        raise ConfigError('give the checkpoint to evaluate, or --teacher')
    network['type'] = 'Network'
    return network


def build_network(cfg: Config, role: str = 'student', checkpoint: str | None = None) -> Network:
    """The trained network of :func:`network_config`, in evaluation mode.

    Raises:
        ConfigError: It cannot be built, or its weights do not load.
    """
    network = MODELS.build(copy.deepcopy(network_config(cfg, role, checkpoint))).eval()
    if isinstance(network, Network):
        network.reader.name = role
    return network


def check_distils(cfg: Config) -> None:
    """Raise a ``ConfigError`` unless the config is one of a distillation."""
    missing = [key for key in ('teacher', 'student', 'task') if key not in cfg.model]
    if missing:
        raise ConfigError(
            f'model.{missing[0]} is not in the config, so it is not that of a distillation; '
            'configs/cls and configs/seg hold some'
        )


def sample_size(cfg: Config, given: list[int] | None = None) -> tuple[int, int]:
    """(H, W) of the images that the student was trained on.

    Args:
        cfg: Config of a distillation.
        given: ``--image-size`` of the command line, one number or two, which goes first.

    Raises:
        ConfigError: Nothing says it.
    """
    if given:
        if len(given) > 2 or min(given) < 1:
            raise ConfigError(f'--image-size {given} must be one size, or height and width')
        return given[0], given[-1]
    size = stated_size(cfg)
    if size is None:
        raise ConfigError(
            'the config has no model.synthesizer...image_size; say --image-size HEIGHT WIDTH'
        )
    return size


def stated_size(cfg: Config) -> tuple[int, int] | None:
    """(H, W) of the synthetic images, if the config states it."""
    synthesizer = cfg.model.get('synthesizer') or {}
    parts = (synthesizer, synthesizer.get('generator') or {}, synthesizer.get('dataset') or {})
    size = next((part['image_size'] for part in parts if part.get('image_size')), None)
    return (size, size) if isinstance(size, int) else size and tuple(size)
