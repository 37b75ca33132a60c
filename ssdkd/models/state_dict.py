"""Search for a network's state dict in what a checkpoint holds."""

import re

from torch import Tensor

from ssdkd.errors import ConfigError

# Keys under which training scripts save weights, the usual ones first.
WRAPPERS = (
    'state_dict',
    'model_state_dict',
    'model_state',
    'model',
    'network',
    'net',
    'weights',
    'state_dict_ema',
    'model_ema',
    'ema_state_dict',
    'ema',
    'module',
)
# Names of the modules around a network: parallel and compiled ones, those of training
# frameworks, and our own, such as ``network.model.`` of a teacher's training.
AROUND = 'module|_orig_mod|model|net|network|backbone'
# What torch puts around single layers, so that it stands in the middle of a key.
INSIDE = re.compile(r'(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.')


def find_state(content: object, path: object, key: str | None = None) -> tuple[dict, list[str]]:
    """The tensors of a state dict in the content of a checkpoint.

    Args:
        content: What the file holds.
        path: The file, for messages.
        key (str, optional): Dotted key of the state dict, such as ``'state_dict_ema'``.
            Defaults to None: the first of the usual keys that holds a dict.

    Returns:
        tuple: The state dict, and the other keys of the file that hold weights, too.

    Raises:
        ConfigError: There is none, or nothing under ``key``.
    """
    others: list[str] = []
    if key is not None:
        content = _under(content, path, key)
    while True:
        found = [name for name in WRAPPERS if _holds_weights(_get(content, name))]
        if not found:
            break
        if key is None and not others:
            others = found[1:]
        content = content[found[0]]
    if not isinstance(content, dict):
        raise ConfigError(
            f"key 'checkpoint': '{path}' holds a {type(content).__name__}; "
            'it must hold a state dict'
        )
    return {k: v for k, v in content.items() if isinstance(v, Tensor)}, others


def _get(content: object, key: str) -> object:
    return content.get(key) if isinstance(content, dict) else None


def _holds_weights(content: object) -> bool:
    """Whether this is a state dict, or a dict with one under a usual key, and no config."""
    if not isinstance(content, dict):
        return False
    parts = (content.get(name) for name in WRAPPERS)
    return any(isinstance(v, Tensor) for v in content.values()) or any(
        map(_holds_weights, parts)
    )


def _under(content: object, path: object, key: str) -> dict:
    for name in key.split('.'):
        known = [k for k, v in content.items() if isinstance(v, dict)]  # of dicts alone
        if not isinstance(_get(content, name), dict):
            raise ConfigError(
                f"key 'checkpoint_key' is '{key}', under which '{path}' holds no state dict; "
                f'it has {", ".join(map(str, known)) or "no key with a dict"}'
            )
        content = content[name]
    return content


def without_prefix(
    state: dict[str, Tensor],
    wanted: dict[str, Tensor],
    prefix: str | None = None,
    role: str = 'student',
) -> tuple[dict[str, Tensor], list[str]]:
    """A state dict with the network's own names.

    Args:
        state: The state dict of a file.
        wanted: That of the network.
        prefix (str, optional): Take the keys with this prefix. Defaults to None: the names of
            usual wrappers, also nested ones such as ``module.model.``, that make most keys
            match.
        role (str): The network of a distillation's checkpoint, whose name is a prefix, too.

    Returns:
        tuple: The keys with this prefix, without it, and the keys that do not have it.
    """
    if not any(INSIDE.search(key) for key in wanted):
        state = {INSIDE.sub('', key): value for key, value in state.items()}
    prefixes = [prefix] if prefix is not None else _prefixes(state, role)
    candidates = {
        p: {k[len(p) :]: v for k, v in state.items() if k.startswith(p)} for p in prefixes
    }
    best = max(candidates, key=lambda p: _agreement(candidates[p], wanted))
    return candidates[best], [key for key in state if not key.startswith(best)]


def _prefixes(state: dict[str, Tensor], role: str) -> list[str]:
    """All sequences of usual wrappers at the beginning of keys, the shortest first."""
    wrapper, found = re.compile(rf'(?:{AROUND}|{re.escape(role)})\.'), {''}
    for key in state:
        end = 0
        while match := wrapper.match(key, end):
            end = match.end()
            found.add(key[:end])
    return sorted(found, key=lambda prefix: (len(prefix), prefix))


def _agreement(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> tuple[int, int]:
    """Sort key: more common keys first, then fewer unknown keys."""
    common = len(state.keys() & wanted.keys())
    return common, common - len(state) if common else 0
