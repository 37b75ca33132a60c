"""Search for a network's state dict in what a checkpoint holds."""

import re
from dataclasses import dataclass, field
from os.path import commonprefix

from torch import Tensor, nn

from ssdkd.errors import ConfigError

PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)
# Heads that only training uses, of mmseg, of torchvision's segmentors, its GoogLeNet and its
# Inception; networks are mostly built without them.
AUXILIARY = ('auxiliary_head.', 'aux_classifier.', 'aux1.', 'aux2.', 'AuxLogits.')
Place = tuple[str, ...]  # the keys on the way from the top of a file to a dict in it

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


@dataclass(frozen=True)
class Found:
    """The state dict that a file holds.

    Attributes:
        state: Its tensors.
        unusual: Its key in the file, if that is not one of the usual ones.
        others: The other keys of the file that hold weights, too.
    """

    state: dict[str, Tensor]
    unusual: str
    others: list[str]


@dataclass(frozen=True)
class Stripped:
    """A state dict after its prefix.

    Attributes:
        state: The keys with the prefix, without it.
        foreign: The keys that do not have it.
        unusual: The prefix, if it is not one of a usual wrapper.
    """

    state: dict[str, Tensor]
    foreign: list[str] = field(default_factory=list)
    unusual: str = ''


@dataclass(frozen=True)
class Target:
    """The network that a state dict is for.

    Attributes:
        wanted: Its own state dict, with the names of :func:`own_names`.
        prefix: Take the keys with this prefix; None: that which makes the keys match.
        role: The network of a distillation's checkpoint, whose name is a prefix, too.
        around: The prefix of a parallel network's own keys, which may follow ``prefix``.
    """

    wanted: dict[str, Tensor]
    prefix: str | None = None
    role: str = 'student'
    around: str = ''

    def shares(self, state: dict[str, Tensor]) -> bool:
        """Whether a state dict has a key of the network, after any prefix."""
        parts = [_cut(state, prefix) for prefix in _common_prefixes(state)]
        parts.append(without_prefix(state, self).state)
        return any(self.wanted.keys() & part.keys() for part in parts)

    def fits(self, state: dict[str, Tensor]) -> bool:
        """Whether a state dict has all keys of the network, after its prefix, and no others."""
        return has_all_keys(without_prefix(state, self).state, self.wanted)


def find_state(content: object, path: object, target: Target, key: str | None = None) -> Found:
    """The tensors of a state dict in the content of a checkpoint.

    Args:
        content: What the file holds.
        path: The file, for messages.
        target: The network.
        key (str, optional): Dotted key of the state dict, such as ``'state_dict_ema'``.
            Defaults to None: the first of the usual keys that holds a dict, otherwise the only
            one that holds a dict with the keys of the network.

    Raises:
        ConfigError: There is none, or nothing under ``key``, or it is ambiguous.
    """
    if not isinstance(content, dict):
        raise ConfigError(
            f"key 'checkpoint': '{path}' holds a {type(content).__name__}; "
            'it must hold a state dict'
        )
    if key is not None:
        content = _under(content, path, key)
    above = '' if key is None else f'{key}.'
    sets = _sets(content)
    chosen = _usual(sets, target)
    if chosen is None:
        chosen = _only_one(content, sets, target, path, above)
    others = [p for p in sets if p not in ((), chosen)]
    others = [p for p in others if _is_usual(p) or target.shares(sets[p])]
    return Found(
        sets.get(chosen, {}),
        '' if _is_usual(chosen) else above + '.'.join(chosen),
        [above + '.'.join(place) for place in others],
    )


def _sets(content: dict) -> dict[Place, dict[str, Tensor]]:
    """All dicts of tensors in the content of a checkpoint by place, each of them once."""
    sets: dict[Place, dict[str, Tensor]] = {}
    places: list[tuple[Place, dict]] = [((), content)]
    seen = set()  # A file may hold the same dict twice, or even within itself.
    for place, part in places:  # which grows on the way
        if id(part) in seen:
            continue
        seen.add(id(part))
        tensors = {str(k): v for k, v in part.items() if isinstance(v, Tensor)}
        if tensors:
            sets[place] = tensors
        inside = {str(k): v for k, v in part.items() if isinstance(v, dict)}
        places += [((*place, name), inside[name]) for name in sorted(inside, key=_rank)]
    return sets


def _usual(sets: dict[Place, dict[str, Tensor]], target: Target) -> Place | None:
    """The top if it fits; else the first of the usual places, those inside others first."""
    if target.fits(sets.get((), {})):
        return ()
    usual = [place for place in sets if place and _is_usual(place)]
    last = len(WRAPPERS)
    return min(usual, key=lambda place: [*map(_rank, place), last], default=None)


def _only_one(
    content: dict,
    sets: dict[Place, dict[str, Tensor]],
    target: Target,
    path: object,
    above: str,
) -> Place:
    """The only place whose keys are the network's, or the top if that is a state dict."""
    fitting = [place for place in sets if target.fits(sets[place])]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = [above + '.'.join(place) for place in fitting]
        raise ConfigError(
            f"key 'checkpoint': '{path}' holds several sets of weights that fit the network: "
            f'{_list(names)}; choose one by checkpoint_key'
        )
    if () in sets and (len(sets) == 1 or target.shares(sets[()])):
        return ()  # of another network: the keys that differ say more
    names = [f'{above}{name}' for name in content]
    raise ConfigError(
        f"key 'checkpoint': '{path}' holds no weights with the keys of the network; it has "
        f'{_list(names) or "no keys"}; choose the right one by checkpoint_key, or the network '
        'that they were saved from'
    )


def _list(names: list[str]) -> str:
    return ', '.join(names[:10]) + (', ...' if len(names) > 10 else '')


def _is_usual(place: Place) -> bool:
    return all(name in WRAPPERS for name in place)


def _rank(name: str) -> int:
    return WRAPPERS.index(name) if name in WRAPPERS else len(WRAPPERS)


def _under(content: dict, path: object, key: str) -> dict:
    """The dict under a dotted key; the names in the file may have dots, too."""
    rest: str | None = key
    while rest is not None:
        inside = {str(k): v for k, v in content.items() if isinstance(v, dict)}
        names = [k for k in inside if f'{rest}.'.startswith(f'{k}.')]
        if not names:
            raise ConfigError(
                f"key 'checkpoint_key' is '{key}', under which '{path}' holds no state dict; "
                f'it has {", ".join(inside) or "no key with a dict"}'
            )
        name = max(names, key=len)
        content = inside[name]
        rest = None if rest == name else rest[len(name) + 1 :]
    return content


def parallel_prefix(model: nn.Module) -> str:
    """What ``nn.DataParallel`` and its like put before all keys of a network."""
    prefix = ''
    while True:
        if isinstance(model, PARALLEL):
            prefix, model = f'{prefix}module.', model.module
        elif '_orig_mod' in dict(model.named_children()):  # of torch.compile
            model = model.get_submodule('_orig_mod')
        else:
            return prefix


def own_names(model: nn.Module) -> dict[str, str]:
    """The keys of a network's state dict by their names without torch's wrappers."""
    prefix = parallel_prefix(model)
    return {INSIDE.sub('', key).removeprefix(prefix): key for key in model.state_dict()}


def without_prefix(state: dict[str, Tensor], target: Target) -> Stripped:
    """A state dict with the network's own names.

    Args:
        state: The state dict of a file.
        target: The network. Without its prefix, the names of usual wrappers are removed, also
            nested ones such as ``module.model.``, that make most keys match. If not all match,
            any other beginning of all keys is removed that makes them.
    """
    wanted, prefix = target.wanted, target.prefix
    state = {INSIDE.sub('', key): value for key, value in state.items()}
    if prefix is None:
        prefixes = _prefixes(state, target.role)
    else:
        prefix = INSIDE.sub('', prefix)
        prefixes = [prefix, prefix + target.around]
    candidates = {p: _cut(state, p) for p in prefixes}
    best = max(candidates, key=lambda p: _agreement(candidates[p], wanted))
    if prefix is None and not has_all_keys(candidates[best], wanted):
        for common in _common_prefixes(state):
            if has_all_keys(_cut(state, common), wanted):
                return Stripped(_cut(state, common), unusual=common)
    return Stripped(candidates[best], [key for key in state if not key.startswith(best)])


def _common_prefixes(state: dict[str, Tensor]) -> list[str]:
    """The beginnings of all keys that end with a dot."""
    start = commonprefix(list(state))
    return [start[: dot.end()] for dot in re.finditer(r'\.', start)]


def _cut(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}


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


def auxiliary_keys(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> list[str]:
    """Keys of the auxiliary heads in a state dict that the network does not have."""
    absent = tuple(p for p in AUXILIARY if not any(k.startswith(p) for k in wanted))
    return [k for k in state if k.startswith(absent)]


def differing_keys(
    state: dict[str, Tensor], wanted: dict[str, Tensor]
) -> tuple[list[str], list[str]]:
    """The keys that a state dict lacks, and those that the network lacks."""
    # BN's counter is absent from files of torch < 0.4.1, and torch itself allows that.
    missing = [k for k in wanted if k not in state and not k.endswith('num_batches_tracked')]
    return missing, [k for k in state if k not in wanted]


def has_all_keys(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> bool:
    """Whether a state dict has the network's keys, and no others but of auxiliary heads."""
    missing, unexpected = differing_keys(state, wanted)
    return not missing and unexpected == auxiliary_keys(state, wanted)
