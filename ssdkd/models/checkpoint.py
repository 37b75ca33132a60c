"""Strict loading of weights from the usual kinds of checkpoint."""

import json
import re
import zipfile
import zlib
from pathlib import Path

import torch
from mmengine.logging import print_log
from safetensors.torch import load_file
from torch import Tensor, nn

from ssdkd.compat import statistics_of_histories
from ssdkd.errors import ConfigError
from ssdkd.models.file_formats import INDEX, SAFETENSORS, recognise
from ssdkd.models.sound import check_weights
from ssdkd.models.state_dict import (
    Target,
    auxiliary_keys,
    differing_keys,
    find_state,
    own_names,
    parallel_prefix,
    without_prefix,
)

FOREIGN_CODE = re.compile(r'[Uu]nsupported (?:global: )?(?:GLOBAL|class) ([\w.]+)')
# Where class names are recorded: by us and mmengine, by mmseg before 1.0, by common scripts.
CLASS_KEYS = ('classes', 'CLASSES', 'class_names', 'class_to_idx')
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
# What each way to parametrise a layer calls what it makes of a parameter, and what undoes it.
PARAMETRISED = (
    (('_g', '_v'), 'weight norm', 'torch.nn.utils.remove_weight_norm'),
    (('_orig', '_u'), 'spectral norm', 'torch.nn.utils.remove_spectral_norm'),
    (('_orig', '_mask'), 'pruning', 'torch.nn.utils.prune.remove'),
)
PARAMETRISATION = re.compile(r'(?:(.*)\.)?parametrizations\.([^.]+)\..*')


def load_weights(
    model: nn.Module,
    path: str | Path,
    prefix: str | None = None,
    role: str = 'student',
    key: str | None = None,
) -> None:
    """Load a checkpoint into a network; every key and every shape must match.

    The weights may lie under one of the usual keys (``state_dict``, ``model`` ...), or under
    any other if no second dict of the file has the keys of the network, and carry
    the usual prefixes (``module.``, ``_orig_mod.``, ``model.`` ..., also several), or any
    other that all keys have, which the log names. Auxiliary heads of the file are left out if
    the network has none, and the log names them. Nothing but tensors and plain containers is
    unpickled.

    Args:
        model (nn.Module): The network, changed in place. One that is compiled or in
            ``nn.DataParallel`` takes the same files.
        path (str | Path): A file written by ``torch.save``, a safetensors file, or the index
            (JSON) of several of these.
        prefix (str, optional): Take the keys with this prefix, such as ``'student.model.'``.
            Defaults to None: the prefix that makes the keys match.
        role (str): Which network of a distillation's checkpoint. Defaults to ``'student'``.
        key (str, optional): Where the state dict lies in the file, such as
            ``'state_dict_ema'``. Defaults to None: the first of the usual keys, otherwise the
            only one that fits the network.

    Raises:
        ConfigError: The file is missing, corrupt or holds code, its keys or shapes are not
            those of the network, several of its dicts fit, or a weight is not finite.
    """
    names, own = own_names(model), model.state_dict()
    wanted = {name: own[key] for name, key in names.items()}
    target = Target(wanted, prefix, role, parallel_prefix(model))
    found = find_state(read_checkpoint(path), path, target, key)
    if found.unusual:
        print_log(
            f"'{path}': the weights are taken from '{found.unusual}', which fit the network",
            'current',
        )
    if found.others:
        print_log(
            f"'{path}' also holds weights under {', '.join(found.others)}; checkpoint_key= of "
            'the network selects them',
            'current',
        )
    stripped = without_prefix(found.state, target)
    state, foreign = stripped.state, stripped.foreign
    if stripped.unusual:
        print_log(f"'{path}': all keys lose their prefix '{stripped.unusual}'", 'current')
    auxiliary = auxiliary_keys(state, wanted)
    for what, keys in (('auxiliary heads', auxiliary), ('other modules', foreign)):
        if keys and (prefix is None or keys is auxiliary):
            print_log(f"'{path}': weights of {what} are left out: {_first(keys)}", 'current')
    state = {k: v for k, v in state.items() if k not in auxiliary}
    check_fits(state, wanted, f"key 'checkpoint': '{path}'")
    model.load_state_dict({names[name]: value for name, value in state.items()})
    check_weights(model, f"key 'checkpoint': '{path}'")


def recorded_classes(path: str | Path) -> tuple[str, ...] | None:
    """Class names in the order of the outputs, as a checkpoint records them.

    They are looked for in the ``_metadata`` of a plain state dict, where
    ``tools/train_teacher.py`` writes them, in mmengine's ``meta['dataset_meta']``, and in
    ``meta`` and at the top under the names ``classes``, ``CLASSES``, ``class_names`` and
    ``class_to_idx``.

    Args:
        path (str | Path): A file written by ``torch.save``.

    Returns:
        The names, or None if the file records none.

    Raises:
        ConfigError: The file is missing, corrupt or holds code.
    """
    content = read_checkpoint(path)
    meta = _part(content, 'meta')
    own = _part(getattr(content, '_metadata', None), '')
    for part in (own, _part(meta, 'dataset_meta'), meta, content):
        for key in CLASS_KEYS:
            names = _part(part, key)
            if isinstance(names, dict):
                names = sorted(names, key=names.get)
            if isinstance(names, list | tuple) and names:
                if all(isinstance(name, str) for name in names):
                    return tuple(names)
    return None


def _part(content, key: str):
    return content.get(key) if isinstance(content, dict) else None


def read_checkpoint(
    path: str | Path, source: str = "key 'checkpoint'", wanted: str | None = None
):
    """Read a file of ``torch.save``: tensors and plain containers, and nothing that runs.

    A safetensors file is read, too, and all files that the index of a model in parts names.

    Args:
        path (str | Path): The file.
        source (str): What named it, for the message.
        wanted (str, optional): What to do if it is a file of another format. Defaults to None:
            how to get the weights out of such a file.

    Returns:
        What was saved, its tensors on the CPU.

    Raises:
        ConfigError: The file is missing, damaged, of another format, or holds code.
    """
    file = Path(path).expanduser()
    found = recognise(file)
    if found is INDEX:
        return _read_shards(file, source)
    if found and found is not SAFETENSORS:
        raise ConfigError(f"{source}: '{path}' is {found.what}; {wanted or found.remedy}")
    if not file.is_file():
        raise ConfigError(f"{source}: there is no file '{path}'; give the path of one")
    with open(file, 'rb') as start:
        zipped = start.read(2) == b'PK'
    what = damage(file) if zipped else None
    if what:
        raise ConfigError(
            f"{source}: '{path}' is damaged ({what}); copy or download it again, or use "
            'another one'
        )
    try:
        if found is SAFETENSORS:
            return load_file(file)
        with statistics_of_histories():
            return torch.load(file, map_location='cpu', weights_only=True)
    except Exception as error:  # Garbage makes an unpickler fail in every possible way.
        foreign = FOREIGN_CODE.search(str(error))
        if foreign:
            raise ConfigError(
                f"{source}: '{path}' holds pickled code ({foreign[1]}), which is "
                "refused because loading would run it; save the network's state_dict() alone"
            ) from error
        raise ConfigError(
            f"{source}: '{path}' cannot be read ({type(error).__name__}): it is "
            'truncated or not a file of torch.save; copy or download it again'
        ) from error


def damage(path: str | Path) -> str | None:
    """What is wrong with the bytes of a file that ``torch.save`` wrote; None if nothing is.

    Such a file is a zip archive with a CRC-32 of each record, which ``torch.load`` ignores:
    it takes inverted bits for weights.
    """
    try:
        if not zipfile.is_zipfile(path):
            return 'it is truncated: the end of the archive is missing'
        with zipfile.ZipFile(path) as archive:
            # torch writes no attributes; the bit of a folder makes it read a record as empty.
            if any(record.external_attr for record in archive.infolist()):
                return 'its table of contents is corrupt'
            record = archive.testzip()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, ValueError, EOFError) as error:
        return str(error)
    except (NotImplementedError, RuntimeError, zlib.error) as error:
        return f'a record is corrupt: {error}'
    return record and f"the checksum of its record '{record}' does not match"


def _read_shards(index: Path, source: str) -> dict[str, Tensor]:
    """The tensors of all files that an index names, which lie beside it."""
    files = json.loads(index.read_text())['weight_map']
    state: dict[str, Tensor] = {}
    for name in sorted(set(files.values())):
        state |= read_checkpoint(index.parent / Path(name).name, f"{source}: '{index}'")
    lost = [key for key in files if key not in state]
    if lost:
        raise ConfigError(
            f"{source}: '{index}' names keys that its files do not hold ({_first(lost)}); copy "
            'or download all of them again'
        )
    return state


def check_fits(state: dict[str, Tensor], wanted: dict[str, Tensor], source: str) -> None:
    """Check that a state dict has the keys, shapes and kinds of number of a network's own.

    Args:
        state: The state dict.
        wanted: That of the network.
        source: Where ``state`` comes from, for the message.

    Raises:
        ConfigError: It has not.
    """
    missing, unexpected = differing_keys(state, wanted)
    if missing or unexpected:
        raise ConfigError(
            f'{source} does not fit the network: '
            f'{_some("missing", missing)}, {_some("unexpected", unexpected)}; '
            f'{_parametrised(missing, unexpected) or "choose the network it was saved from"}'
        )
    wrong = [k for k in wanted if k in state and state[k].shape != wanted[k].shape]
    if wrong:
        key = wrong[0]
        more = f' (and {len(wrong) - 1} more)' if len(wrong) > 1 else ''
        raise ConfigError(
            f'{source} does not fit the network: {key} is '
            f'{list(state[key].shape)} in the file, {list(wanted[key].shape)} in the '
            f'model{more}: is num_classes right?'
        )
    wrong = [k for k in wanted if k in state and not _holds(state[k], wanted[k])]
    if wrong:
        key = wrong[0]
        more = f' (and {len(wrong) - 1} more)' if len(wrong) > 1 else ''
        # load_state_dict would round or cut them off without a word.
        raise ConfigError(
            f'{source} does not fit the network: {key} is '
            f'{state[key].dtype} in the file, {wanted[key].dtype} in the model{more}, and '
            'would be changed by loading; save the weights as floats, before they are '
            'quantised or converted'
        )


def _holds(found: Tensor, wanted: Tensor) -> bool:
    """Whether a tensor can be copied into another with no change except float precision."""
    if wanted.is_floating_point():
        return found.dtype in FLOATS
    if wanted.is_complex():
        return found.is_complex()
    if found.is_quantized or found.is_complex():
        return False
    return bool((found.to(wanted.dtype).to(found.dtype) == found).all())


def _parametrised(missing: list[str], unexpected: list[str]) -> str | None:
    """What to do if a layer is parametrised in the file or in the network, but not in both."""
    for keys, where, remedy in (
        (unexpected, 'file', 'remove it before saving'),
        (missing, 'network', 'build the network without it'),
    ):
        for key in keys:
            found = _parametrisation(key, keys)
            if found:
                layer, name, what, call = found
                return (
                    f"layer '{layer}' has {what} in the {where} alone: {remedy}, "
                    f"{call}(layer, '{name}')"
                )
    return None


def _parametrisation(key: str, keys: list[str]) -> tuple[str, str, str, str] | None:
    """Layer, parameter, kind, and what undoes it, if a key is what a parametrisation makes."""
    found = PARAMETRISATION.fullmatch(key)
    if found:
        undo = 'torch.nn.utils.parametrize.remove_parametrizations'
        return found[1] or '', found[2], 'a parametrisation of torch', undo
    for ends, what, undo in PARAMETRISED:
        for end in ends:
            stem = key.removesuffix(end)
            if stem != key and all(stem + other in keys for other in ends):
                layer, _, name = stem.rpartition('.')
                return layer, name, what, undo
    return None


def _first(keys: list[str]) -> str:
    return ', '.join(keys[:3]) + (', ...' if len(keys) > 3 else '')


def _some(word: str, keys: list[str]) -> str:
    return f'{len(keys)} keys {word}' + (f' ({_first(keys)})' if keys else '')
