"""A folder of the machine. Each part of a path is opened from the one before and never through a symbolic link, so that
nobody who can write into the folder can lead a model out of it.
"""

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.connections import FileConnection
from penstock.connect.files.paths import TEMPORARY, is_temporary
from penstock.connect.files.protocol import Entry, Path

T = TypeVar("T")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CAUSES = {
    errno.ENOENT: "not-found",
    errno.EEXIST: "exists",
    errno.ENOTEMPTY: "exists",
    errno.EACCES: "no-permission",
    errno.EPERM: "no-permission",
    errno.ELOOP: "symbolic-link",
    errno.ENOTDIR: "not-found",
    errno.EISDIR: "no-file",
}
_PASSING = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.EINTR})


class LocalFiles:
    """See `connector.Files`."""

    def __init__(self, connection: FileConnection) -> None:
        self._connection = connection
        self._base = connection.path

    async def close(self) -> None:
        """Nothing is held."""

    async def read(self, path: Path) -> bytes:
        return await self._do(lambda: self._read(path))

    async def write(self, path: Path, content: bytes, *, overwrite: bool, folders: bool, key: str) -> bool:
        return await self._do(lambda: self._write(path, content, overwrite, folders, key))

    async def entries(self, path: Path) -> list[Entry]:
        return await self._do(lambda: self._entries(path))

    async def move(self, path: Path, target: Path, *, overwrite: bool, folders: bool) -> None:
        await self._do(lambda: self._move(path, target, overwrite, folders))

    async def delete(self, path: Path) -> bool:
        return await self._do(lambda: self._delete(path))

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> ConnectorFailed:
        number = error.errno or 0
        kind = ConnectorFailed if number in _PASSING else ConnectorRefused
        cause = _CAUSES.get(number)
        return kind(
            f"The connection '{self._connection.name}': {os.strerror(number)}", causes=(cause,) if cause else ()
        )

    def _read(self, path: Path) -> bytes:
        with self._folder(path[:-1]) as folder:
            return self._content(path[-1], folder)

    def _content(self, name: str, folder: int) -> bytes:
        # Without O_NONBLOCK opening a pipe would wait for somebody who writes into it.
        number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
        with os.fdopen(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            content = file.read(self._connection.file_bytes_max + 1)
        if len(content) > self._connection.file_bytes_max:
            raise ConnectorRefused(
                f"The file has more than {self._connection.file_bytes_max} bytes (file_bytes_max of the connection "
                f"'{self._connection.name}')",
                causes=("too-large",),
            )
        return content

    def _write(self, path: Path, content: bytes, overwrite: bool, folders: bool, key: str) -> bool:
        name = path[-1]
        temporary = f"{TEMPORARY}{hashlib.sha256(f'{key}/{name}'.encode()).hexdigest()[:32]}"
        with self._folder(path[:-1], make=folders) as folder:
            if not overwrite and self._is_there(name, content, folder):
                return False
            self._put(temporary, content, folder)
            try:
                if overwrite:
                    self._only_file(name, folder)
                    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                else:
                    os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
                    os.unlink(temporary, dir_fd=folder)
            except OSError:
                # Another attempt may have been quicker.
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            os.fsync(folder)
        return True

    def _is_there(self, name: str, content: bytes, folder: int) -> bool:
        """Whether the file is there with this very content: then an earlier attempt has written it. Raises FileExistsError
        for another one."""
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        same = stat.S_ISREG(found.st_mode) and found.st_size == len(content) and self._content(name, folder) == content
        if not same:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        return True

    def _put(self, name: str, content: bytes, folder: int) -> None:
        # What an earlier attempt has left is written over; a link that somebody has put there is not followed.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o640, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _only_file(self, name: str, folder: int) -> None:
        """Raises OSError when there is something else than a file."""
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISREG(found.st_mode):
            number = errno.ELOOP if stat.S_ISLNK(found.st_mode) else errno.EISDIR
            raise OSError(number, os.strerror(number))

    def _entries(self, path: Path) -> list[Entry]:
        found: list[Entry] = []
        with self._folder(path) as folder, os.scandir(folder) as entries:
            for entry in entries:
                if is_temporary(entry.name) or entry.is_symlink() or not entry.name.isprintable():
                    continue
                if len(found) >= self._connection.entries_max:
                    raise ConnectorRefused(
                        f"The folder has more than {self._connection.entries_max} files (entries_max of the connection "
                        f"'{self._connection.name}')",
                        causes=("too-many",),
                    )
                about = entry.stat(follow_symlinks=False)
                found.append(Entry(entry.name, about.st_size, about.st_mtime, entry.is_dir(follow_symlinks=False)))
        return found

    def _move(self, path: Path, target: Path, overwrite: bool, folders: bool) -> None:
        with self._folder(path[:-1]) as source, self._folder(target[:-1], make=folders) as folder:
            found = os.stat(path[-1], dir_fd=source, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if overwrite:
                self._only_file(target[-1], folder)
                os.rename(path[-1], target[-1], src_dir_fd=source, dst_dir_fd=folder)
            else:
                os.link(path[-1], target[-1], src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
                os.unlink(path[-1], dir_fd=source)
            os.fsync(folder)

    def _delete(self, path: Path) -> bool:
        try:
            with self._folder(path[:-1]) as folder:
                os.unlink(path[-1], dir_fd=folder)
                os.fsync(folder)
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def _folder(self, path: Path, *, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder. The base itself may be a link: that is the operator's."""
        try:
            number = os.open(self._base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ConnectorFailed(
                f"The connection '{self._connection.name}': its folder cannot be opened: {error.strerror}"
            ) from None
        try:
            for part in path:
                if make:
                    _make(part, number)
                below = os.open(part, _FOLDER, dir_fd=number)
                os.close(number)
                number = below
            yield number
        finally:
            os.close(number)


def _make(name: str, folder: int) -> None:
    try:
        os.mkdir(name, 0o750, dir_fd=folder)
    except FileExistsError:
        return
    os.fsync(folder)
