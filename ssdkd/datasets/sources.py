"""The files below a folder, or inside a tar archive that stays packed; links are followed."""

import io
import os
import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ssdkd.errors import ConfigError

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.npy')
# Folders that systems leave behind; like names with a leading dot, they are never data.
SYSTEM_FOLDERS = ('__MACOSX', '@eaDir', 'lost+found')
COMPRESSED = {
    b'\x1f\x8b': 'gzip',
    b'BZh': 'bzip2',
    b'\xfd7zXZ': 'xz',
    b'\x28\xb5\x2f\xfd': 'zstd',
    b'PK\x03\x04': 'zip',
}
MAX_LINKS = 40  # in a row, as on Linux
MAX_FOLDERS = 2**20  # counted through links, which can multiply them without end


class Folder:
    """The files below a folder.

    Args:
        root (Path): The folder.
    """

    def __init__(self, root: Path):
        self.root = root

    def scan(self, path: str) -> Iterator[tuple[str, str | None]]:
        """Name of each entry of a folder, and ``'folder'``, ``'file'`` or None (neither)."""
        try:
            with os.scandir(self.root / path) as entries:
                for entry in entries:
                    yield entry.name, _kind(entry)
        except OSError as error:
            raise ConfigError(f'dataset: the folder cannot be read: {error}') from error

    def real(self, path: str) -> str:
        """The resolved path, the same for all links to it."""
        return os.path.realpath(self.root / path)

    def open(self, path: str) -> BinaryIO:
        return open(self.root / path, 'rb')

    def describe(self, path: str) -> str:
        return f"'{self.root / path}'"


class Archive:
    """The files in an uncompressed tar archive, read in place.

    Symbolic and hard links lead to other members. Any number of loader workers can share this
    object: the archive is opened for every read.

    Args:
        path (Path): The archive.
        folder (str): Name of a folder that all of the data may lie in: it is then the root.

    Raises:
        ConfigError: The archive is damaged or compressed, or a member lies outside of it.
    """

    def __init__(self, path: Path, folder: str = ''):
        self.path = path
        self._base = ''
        self._files: dict[str, tuple[int, int]] = {}  # offset, size
        self._links: dict[str, str] = {}
        self._folders: dict[str, dict[str, None]] = {'': {}}
        for member in _members(path):
            self._add(member)
        tops = {n for n, kind in self.scan('') if kind == 'folder' or is_image(n)}
        if {n for n in tops if not is_hidden(n)} == {folder}:
            self._base = folder

    def _add(self, member: tarfile.TarInfo) -> None:
        if member.name.startswith('/') or '..' in member.name.split('/'):
            raise ConfigError(
                f"dataset: '{self.path}' has the member '{member.name}', which would lie "
                'outside of the folder that it is unpacked to; write the archive again with '
                'relative names'
            )
        name = _normal(member.name)
        self._files.pop(name, None)  # of two members with one name, the later is meant
        self._links.pop(name, None)
        if member.issym():
            self._links[name] = posixpath.join(posixpath.dirname(name), member.linkname)
        elif member.islnk():
            self._links[name] = member.linkname
        elif member.isdir():
            self._folders.setdefault(name, {})
        elif member.isreg() and not member.issparse():
            self._files[name] = member.offset_data, member.size
        while name:
            above, _, last = name.rpartition('/')
            self._folders.setdefault(above, {})[last] = None
            name = above

    def scan(self, path: str) -> Iterator[tuple[str, str | None]]:
        """Name of each entry of a folder, and ``'folder'``, ``'file'`` or None (neither)."""
        for name in self._folders[self.real(path)]:
            real = self.real(posixpath.join(path, name))
            kind = 'folder' if real in self._folders else None
            yield name, 'file' if real in self._files else kind

    def real(self, path: str) -> str | None:
        """The member that a path resolves to; None for a link out of the archive or a loop.

        The path is relative to the root, the result to the archive.
        """
        path = posixpath.join(self._base, path)
        for _ in range(MAX_LINKS):
            path = _normal(path)
            if path.startswith(('/', '../')) or path == '..':
                return None
            parts = path.split('/')
            heads = ('/'.join(parts[: i + 1]) for i in range(len(parts)))
            link = next((head for head in heads if head in self._links), None)
            if link is None:
                return path
            path = self._links[link] + path[len(link) :]
        return None

    def size(self, path: str) -> int:
        """Bytes of a file."""
        return self._files[self.real(path)][1]

    def open(self, path: str) -> BinaryIO:
        offset, size = self._files[self.real(path)]
        with open(self.path, 'rb') as archive:
            archive.seek(offset)
            return io.BytesIO(archive.read(size))

    def describe(self, path: str) -> str:
        return f"member '{posixpath.join(self._base, path)}' of '{self.path}'"


def walk(source: Folder | Archive) -> tuple[list[str], list[str]]:
    """Paths of all folders and of all files of a source, hidden ones left out.

    Raises:
        ConfigError: A link leads nowhere, out of the archive, or to a folder above itself, or
            there are more than a million folders.
    """
    folders, files = [], []
    pending = [('', ())]
    while pending:
        path, above = pending.pop()
        real = source.real(path)
        if real in above:
            raise ConfigError(
                f'dataset: {source.describe(path)} is a link to a folder that holds it; '
                'remove the link'
            )
        if len(folders) > MAX_FOLDERS:
            raise ConfigError(
                f'dataset: more than {MAX_FOLDERS:,} folders lie in {source.describe("")}, '
                'counted through links; remove the links to folders'
            )
        for name, kind in source.scan(path):
            if is_hidden(name):
                continue
            child = posixpath.join(path, name)
            if kind == 'folder':
                folders.append(child)
                pending.append((child, (*above, real)))
            elif kind == 'file':
                files.append(child)
            else:
                raise ConfigError(
                    f'dataset: {source.describe(child)} is neither a file nor a folder, or a '
                    'link to something that is missing (in an archive: not a member of it); '
                    'remove it, or replace it by the file itself'
                )
    return sorted(folders), sorted(files)


def is_image(name: str) -> bool:
    """Whether a file is one of the images that are read, by its suffix."""
    return name.lower().endswith(SUFFIXES)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that desktops and tools leave behind."""
    return name.startswith('.') or name in SYSTEM_FOLDERS


def _kind(entry: os.DirEntry) -> str | None:
    try:
        return 'folder' if entry.is_dir() else 'file' if entry.is_file() else None
    except OSError:  # a link to itself
        return None


def _normal(path: str) -> str:
    path = posixpath.normpath(path)
    return '' if path == '.' else path


def _members(path: Path) -> list[tarfile.TarInfo]:
    try:
        with open(path, 'rb') as file:
            start = file.read(8)
            packing = next((v for k, v in COMPRESSED.items() if start.startswith(k)), None)
            if packing:
                raise ConfigError(
                    f"dataset: '{path}' cannot be read in place: it is compressed ({packing}); "
                    'unpack it, or make an uncompressed tar file of it'
                )
            file.seek(0)
            with tarfile.open(fileobj=file, mode='r:') as tar:
                members = tar.getmembers()
                # tarfile takes a damaged header for the end, and its block of zeros is that.
                file.seek(tar.offset)
                if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    raise tarfile.ReadError(f'damaged or truncated at byte {tar.offset}')
                return members
    except (tarfile.TarError, OSError) as error:
        raise ConfigError(
            f"dataset: '{path}' cannot be read ({error}); it must be an uncompressed tar "
            'file: copy it or write it again'
        ) from error
