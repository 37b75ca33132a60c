"""Recognition of files that ``torch.save`` did not write, by their content."""

import json
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

SAVE = "save the network's state_dict() with torch.save"
COPY = 'download the file itself'
HEAD = 4096  # bytes that are looked at


class Format(NamedTuple):
    """A format of files.

    Attributes:
        what: Its name, with an article.
        remedy: How to get weights in a form that can be loaded.
    """

    what: str
    remedy: str


SAFETENSORS = Format('a safetensors file', SAVE)
INDEX = Format('an index of several files', SAVE)
WEIGHTS = (
    "save its weights alone: torch.save({}, 'weights.pth'); or, if you trust it, name it as "
    "the teacher: model=dict(type='Program', file=FILE)"
)
TORCHSCRIPT = Format(
    'a TorchScript archive, which carries code',
    WEIGHTS.format('torch.jit.load(FILE).state_dict()'),
)
EXPORTED = Format(
    'a program of torch.export, which carries code',
    WEIGHTS.format('torch.export.load(FILE).state_dict'),
)
EMPTY = Format('empty: truncated, or never written', 'copy or download it again')
TEXT = Format('a text file', 'give the file of weights')
OTHER_ZIP = Format('a zip archive of other files', 'unpack it, and give the file of weights')

# By the names inside, without the folder that torch puts around them.
ZIPS = (
    (r'constants\.pkl', *TORCHSCRIPT),
    (
        r'archive_format|serialized_exported_program\.json|models/.*\.json',
        *EXPORTED,
    ),
    (r'\.data/extern_modules', 'an archive of torch.package', SAVE),
    (r'model\.weights\.h5', 'a Keras model', f'{SAVE}, after porting it to torch'),
    (r'.*\.npy', 'an archive of numpy arrays (npz)', 'save a dict of tensors with torch.save'),
)

# By the first bytes. What torch.save wrote before it wrote zips is a pickle, too.
STARTS = (
    (rb'\x93NUMPY', 'a numpy array (npy)', 'save a dict of tensors with torch.save'),
    (rb'\x89HDF\r\n\x1a\n', 'an HDF5 file, as of Keras', f'{SAVE}, after porting it to torch'),
    (
        rb'\x08\x01\x12',
        'a SavedModel of TensorFlow',
        f'{SAVE}, after porting the network to torch',
    ),
    (rb'\x08[\x02-\x20][\x12\x1a\x3a\x42]', 'an ONNX model', f'{SAVE} instead of exporting it'),
    (rb'....TFL3', 'a TFLite model', f'{SAVE}, after porting it to torch'),
    (rb'GGUF', 'a GGUF file', SAVE),
    (rb'version https://git-lfs\.github\.com', 'a Git LFS pointer', f"{COPY}: 'git lfs pull'"),
    (rb'/annex/objects/', 'a git-annex pointer', f"{COPY}: 'git annex get'"),
    (
        rb'(?i)(\xef\xbb\xbf)?\s*<(!doctype html|html|head|\?xml)',
        'a web page, as a failed download leaves it',
        COPY,
    ),
    (rb'\s*[\[{]\s*["\]}\d\[{]', 'a JSON text', 'give the file of weights'),
    (
        rb'\x80[\x02-\x05](?!\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19)(?s:.*)joblib',
        'a file of joblib',
        f'{SAVE} instead',
    ),
    (
        rb'\x80[\x02-\x05](?!\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19)',
        'a plain pickle',
        f'{SAVE} instead',
    ),
    (rb'\x1f\x8b', 'packed with gzip', 'unpack it'),
    (rb'BZh\d', 'packed with bzip2', 'unpack it'),
    (rb'\xfd7zXZ', 'packed with xz', 'unpack it'),
    (rb'\x28\xb5\x2f\xfd', 'packed with zstd', 'unpack it'),
    (rb'7z\xbc\xaf\x27\x1c|Rar!', 'an archive', 'unpack it, and give the file of weights'),
    (rb'x[\x01\x5e\x9c\xda]', 'packed with zlib, as by joblib', f'{SAVE} instead'),
    (rb'(?s:.{257})ustar', 'a tar archive', 'unpack it, and give the file of weights'),
)
# By their names alone; their content has no mark.
NAMES = ((r'.*\.(index|data-\d{5}-of-\d{5})', 'a checkpoint of TensorFlow'),)
FOLDERS = (
    ('saved_model.pb', 'a SavedModel of TensorFlow', f'{SAVE}, after porting it to torch'),
    (
        '.metadata',
        'a distributed checkpoint',
        "join it: 'python -m torch.distributed.checkpoint.format_utils dcp_to_torch'",
    ),
    ('', 'a folder', 'give the file of weights in it'),
)


def recognise(path: Path) -> Format | None:
    """The format of a file or folder that ``torch.save`` did not write.

    Args:
        path (Path): The file, which may also be a broken link of git-annex.

    Returns:
        Format: What it is; None for a file of ``torch.save``, for one that is damaged and one
        of an unknown kind, and for nothing at all.
    """
    if path.is_symlink() and not path.exists():
        annex = '.git/annex/objects' in path.readlink().as_posix()
        return Format('a link of git-annex', f"{COPY}: 'git annex get'") if annex else None
    if path.is_dir():
        return next(Format(*rest) for name, *rest in FOLDERS if (path / name).exists())
    if not path.is_file():
        return None
    with open(path, 'rb') as file:
        head = file.read(HEAD)
    if not head:
        return EMPTY
    if head.startswith(b'PK'):
        return _of_zip(path)
    # Its header is a length and JSON text.
    length = int.from_bytes(head[:8], 'little')
    if head[8:9] == b'{' and length < 2**27:
        return SAFETENSORS
    for pattern, what, remedy in STARTS:
        if re.match(pattern, head):
            return INDEX if _is_index(path, head) else Format(what, remedy)
    for pattern, what in NAMES:
        if re.fullmatch(pattern, path.name):
            return Format(what, f'{SAVE}, after porting the network to torch')
    return TEXT if _is_text(head) else None


def _is_index(path: Path, head: bytes) -> bool:
    """Whether this is the JSON text that maps the keys of a model in parts to its files."""
    if not head.lstrip().startswith(b'{'):
        return False
    try:
        files = json.loads(path.read_text()).get('weight_map')
    except ValueError:  # no JSON, or no text
        return False
    return isinstance(files, dict) and len(files) > 0


def _of_zip(path: Path) -> Format | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return None  # damaged
    inside = {part for name in names for part in (name, name.partition('/')[2])}
    for pattern, what, remedy in ZIPS:
        if any(re.fullmatch(pattern, name) for name in inside):
            return Format(what, remedy)
    # Whatever stands beside this record, torch.save or a damage of its file has put there.
    return None if 'data.pkl' in inside else OTHER_ZIP


def _is_text(head: bytes) -> bool:
    try:
        # The last character may be cut in two.
        text = head.decode() if len(head) < HEAD else head[:-4].decode(errors='strict')
    except UnicodeDecodeError:
        return False
    return len(text) > 7 and all(c.isprintable() or c in '\t\n\r' for c in text)
