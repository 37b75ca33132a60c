"""Strict loading of weights from the wrappings in which checkpoints are found."""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from ssdkd.errors import ConfigError
from ssdkd.models.sound import check_weights

WRAPPERS = ('state_dict', 'model_state_dict', 'model', 'net', 'ema')
FOREIGN_CODE = re.compile(r'[Uu]nsupported (?:global: )?(?:GLOBAL|class) ([\w.]+)')
# The plain network, one saved from DataParallel, our trained teachers, the student of our
# distillation checkpoints, and a bare Network.
PREFIXES = ('', 'module.', 'network.model.', 'student.model.', 'model.')
# Heads that only training uses; networks are mostly built without them.
AUXILIARY = ('auxiliary_head.', 'aux_classifier.')


def load_weights(model: nn.Module, path: str | Path, prefix: str | None = None) -> None:
    """Load a checkpoint into a plain network; every key and every shape must match.

    The weights may lie under one of the usual keys (``state_dict``, ``model`` ...) and carry
    one of the usual prefixes (``module.``, or those of our own checkpoints). The weights of
    a segmentor's auxiliary head are passed over if the network has none. Nothing but tensors
    and plain containers is unpickled.

    Args:
        model (nn.Module): The network, changed in place.
        path (str | Path): A file written by ``torch.save``.
        prefix (str, optional): Take the keys with this prefix, such as ``'student.model.'``.
            Defaults to None: the known prefix that makes the keys match.

    Raises:
        ConfigError: The file is missing, corrupt or holds code, its keys or shapes are not
            those of the network, or a weight is not finite.
    """
    state = _unwrap(_read(path), path)
    wanted = model.state_dict()
    candidates = [_strip(state, p) for p in (PREFIXES if prefix is None else (prefix,))]
    state = max(candidates, key=lambda candidate: _agreement(candidate, wanted))
    if not any(k.startswith(AUXILIARY) for k in wanted):
        state = {k: v for k, v in state.items() if not k.startswith(AUXILIARY)}
    _check(state, wanted, path)
    model.load_state_dict(state)
    check_weights(model, f"key 'checkpoint': '{path}'")


def _read(path: str | Path):
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(f"key 'checkpoint': there is no file '{path}'; give the path of one")
    try:
        return torch.load(file, map_location='cpu', weights_only=True)
    except Exception as error:  # Garbage makes an unpickler fail in every possible way.
        foreign = FOREIGN_CODE.search(str(error))
        if foreign:
            raise ConfigError(
                f"key 'checkpoint': '{path}' holds pickled code ({foreign[1]}), which is "
                "refused because loading would run it; save the network's state_dict() alone"
            ) from error
        raise ConfigError(
            f"key 'checkpoint': '{path}' cannot be read ({type(error).__name__}): it is "
            'truncated or not a file of torch.save; copy or download it again'
        ) from error


def _unwrap(content, path: str | Path) -> dict[str, Tensor]:
    for key in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict):
        raise ConfigError(
            f"key 'checkpoint': '{path}' holds a {type(content).__name__}; "
            'it must hold a state dict'
        )
    return {k: v for k, v in content.items() if isinstance(v, Tensor)}


def _strip(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}


def _agreement(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> tuple[int, int]:
    """More keys in common is better; of two equal ones, that with fewer strangers."""
    common = len(state.keys() & wanted.keys())
    return common, common - len(state) if common else 0


def _check(state: dict[str, Tensor], wanted: dict[str, Tensor], path: str | Path) -> None:
    # BN's counter is absent from files of torch < 0.4.1, and torch itself allows that.
    missing = [k for k in wanted if k not in state and not k.endswith('num_batches_tracked')]
    unexpected = [k for k in state if k not in wanted]
    if missing or unexpected:
        raise ConfigError(
            f"key 'checkpoint': '{path}' does not fit the network: "
            f'{_some("missing", missing)}, {_some("unexpected", unexpected)}; '
            'choose the network it was saved from'
        )
    wrong = [k for k in wanted if k in state and state[k].shape != wanted[k].shape]
    if wrong:
        key = wrong[0]
        more = f' (and {len(wrong) - 1} more)' if len(wrong) > 1 else ''
        raise ConfigError(
            f"key 'checkpoint': '{path}' does not fit the network: {key} is "
            f'{list(state[key].shape)} in the file, {list(wanted[key].shape)} in the '
            f'model{more}: is num_classes right?'
        )


def _some(word: str, keys: list[str]) -> str:
    first = ', '.join(keys[:3]) + (', ...' if len(keys) > 3 else '')
    return f'{len(keys)} keys {word}' + (f' ({first})' if keys else '')
