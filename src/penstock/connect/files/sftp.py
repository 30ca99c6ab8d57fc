"""A folder of an SFTP server. Symbolic links are looked for before a path is used; the server's own rights are what keeps
out whoever can make them meanwhile.
"""

import hashlib
import stat
from collections.abc import Awaitable
from typing import Any, TypeVar

import asyncssh

from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.allowed import Allowed
from penstock.connect.connections import SftpConnection
from penstock.connect.egress import Resolve, addresses, first
from penstock.connect.files.paths import TEMPORARY, is_temporary
from penstock.connect.files.protocol import Entry, Path

T = TypeVar("T")

CONNECT_S = 15.0
CHUNK_BYTES = 32 * 1024


async def connect(connection: SftpConnection, allowed: Allowed, resolve: Resolve) -> "SftpFiles":
    """An open connection. Raises ConnectorFailed, ConnectorRefused."""
    found = await addresses(connection.host, connection.port, allowed, resolve)

    async def open_(address: str) -> asyncssh.SSHClientConnection:
        return await asyncssh.connect(
            address,
            connection.port,
            username=connection.user or "",
            password=connection.password,
            client_keys=[connection.private_key] if connection.private_key is not None else None,
            passphrase=connection.passphrase,
            known_hosts=connection.known_hosts,
            host_key_alias=connection.host,
            agent_path=None,
            config=None,
            gss_host=None,
            connect_timeout=CONNECT_S,
            login_timeout=CONNECT_S,
        )

    try:
        ssh = await first(found, open_)
    except (OSError, asyncssh.Error, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise _unconnected(connection, error) from None
    try:
        files = SftpFiles(connection, ssh, await ssh.start_sftp_client())
        await files.check_base()
    except BaseException as error:
        ssh.abort()
        if isinstance(error, OSError | asyncssh.Error):
            raise _failed(connection, error) from None
        raise
    return files


class SftpFiles:
    """See `protocol.Files`."""

    def __init__(
        self, connection: SftpConnection, ssh: asyncssh.SSHClientConnection, sftp: asyncssh.SFTPClient
    ) -> None:
        self._connection = connection
        self._ssh = ssh
        self._sftp = sftp
        self._base = "/" + connection.path.strip("/")

    async def close(self) -> None:
        self._sftp.exit()
        self._ssh.abort()

    async def check_base(self) -> None:
        """Raises ConnectorFailed when the folder of the connection is not there. It may be a link: that is the operator's."""
        try:
            found = await self._sftp.stat(self._base)
        except asyncssh.SFTPError as error:
            raise ConnectorFailed(
                f"The connection '{self._connection.name}': its folder cannot be opened: {type(error).__name__}"
            ) from None
        if _kind(found) != "folder":
            raise ConnectorFailed(f"The connection '{self._connection.name}': its folder cannot be opened: it is none")

    async def read(self, path: Path) -> bytes:
        return await self._do(self._read(path))

    async def write(self, path: Path, content: bytes, *, overwrite: bool, folders: bool, key: str) -> bool:
        return await self._do(self._write(path, content, overwrite, folders, key))

    async def entries(self, path: Path) -> list[Entry]:
        return await self._do(self._entries(path))

    async def move(self, path: Path, target: Path, *, overwrite: bool, folders: bool) -> None:
        await self._do(self._move(path, target, overwrite, folders))

    async def delete(self, path: Path) -> bool:
        return await self._do(self._delete(path))

    async def _do(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except (OSError, asyncssh.Error) as error:
            raise _failed(self._connection, error) from None

    async def _read(self, path: Path) -> bytes:
        await self._folder(path[:-1])
        return await self._content(self._at(path))

    async def _content(self, at: str) -> bytes:
        await self._only_file(at, missing=False)
        most = self._connection.file_bytes_max
        content = bytearray()
        # Its types know files of text only.
        opened: Any = self._sftp.open(at, "rb")
        async with opened as file:
            while len(content) <= most:
                piece = await file.read(CHUNK_BYTES, len(content))
                if not piece:
                    return bytes(content)
                content += piece
        raise ConnectorRefused(
            f"The file has more than {most} bytes (file_bytes_max of the connection '{self._connection.name}')",
            causes=("too-large",),
        )

    async def _write(self, path: Path, content: bytes, overwrite: bool, folders: bool, key: str) -> bool:
        await self._folder(path[:-1], make=folders)
        at = self._at(path)
        there = await self._only_file(at, missing=True)
        if there and not overwrite:
            if await self._content(at) == content:
                return False
            raise self._exists()
        name = f"{TEMPORARY}{hashlib.sha256(f'{key}/{path[-1]}'.encode()).hexdigest()[:32]}"
        temporary = self._at((*path[:-1], name))
        await self._only_file(temporary, missing=True)
        try:
            async with self._sftp.open(temporary, "wb") as file:
                await file.write(content)
            await self._rename(temporary, at, overwrite)
        except (OSError, asyncssh.Error, ConnectorFailed):
            await self._remove(temporary)
            raise
        return True

    async def _rename(self, source: str, target: str, overwrite: bool) -> None:
        """SFTP's own rename never writes over a file; where it may, OpenSSH's extension does so in one go."""
        if overwrite:
            try:
                await self._sftp.posix_rename(source, target)
                return
            except asyncssh.SFTPOpUnsupported:
                await self._remove(target)
        try:
            await self._sftp.rename(source, target)
        except asyncssh.SFTPFailure:
            if await self._only_file(target, missing=True):
                raise self._exists() from None
            raise

    async def _remove(self, at: str) -> bool:
        try:
            await self._sftp.remove(at)
        except asyncssh.SFTPNoSuchFile:
            return False
        return True

    async def _entries(self, path: Path) -> list[Entry]:
        await self._folder(path)
        found: list[Entry] = []
        async for entry in self._sftp.scandir(self._at(path)):
            name = entry.filename if isinstance(entry.filename, str) else entry.filename.decode("utf-8", "replace")
            kind = _kind(entry.attrs)
            if name in (".", "..") or is_temporary(name) or not name.isprintable() or kind == "link":
                continue
            if len(found) >= self._connection.entries_max:
                raise ConnectorRefused(
                    f"The folder has more than {self._connection.entries_max} files (entries_max of the connection "
                    f"'{self._connection.name}')",
                    causes=("too-many",),
                )
            found.append(Entry(name, entry.attrs.size or 0, float(entry.attrs.mtime or 0), kind == "folder"))
        return found

    async def _move(self, path: Path, target: Path, overwrite: bool, folders: bool) -> None:
        await self._folder(path[:-1])
        await self._folder(target[:-1], make=folders)
        source, at = self._at(path), self._at(target)
        await self._only_file(source, missing=False)
        if await self._only_file(at, missing=True) and not overwrite:
            raise self._exists()
        await self._rename(source, at, overwrite)

    async def _delete(self, path: Path) -> bool:
        try:
            await self._folder(path[:-1])
        except asyncssh.SFTPNoSuchFile:
            return False
        at = self._at(path)
        return await self._only_file(at, missing=True) and await self._remove(at)

    def _at(self, path: Path) -> str:
        return "/".join((self._base, *path))

    async def _folder(self, path: Path, *, make: bool = False) -> None:
        """Sees that every part of the path is a folder and none a link; with `make`, makes those that are missing."""
        for number in range(1, len(path) + 1):
            at = self._at(path[:number])
            try:
                kind = _kind(await self._sftp.lstat(at))
            except asyncssh.SFTPNoSuchFile:
                if not make:
                    raise
                await self._sftp.mkdir(at)
                continue
            if kind != "folder":
                raise self._refused(
                    "a part of the path is no folder", "symbolic-link" if kind == "link" else "not-found"
                )

    async def _only_file(self, at: str, *, missing: bool) -> bool:
        """Whether there is a file. Raises ConnectorRefused for anything else, SFTPNoSuchFile for nothing unless `missing`."""
        try:
            kind = _kind(await self._sftp.lstat(at))
        except asyncssh.SFTPNoSuchFile:
            if missing:
                return False
            raise
        if kind != "file":
            raise self._refused("there is no file but something else", "symbolic-link" if kind == "link" else "no-file")
        return True

    def _exists(self) -> ConnectorRefused:
        return self._refused("the file is there already", "exists")

    def _refused(self, what: str, cause: str) -> ConnectorRefused:
        return ConnectorRefused(f"The connection '{self._connection.name}': {what}", causes=(cause,))


def _kind(attributes: asyncssh.SFTPAttrs) -> str:
    mode = attributes.permissions or 0
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "other"


def _unconnected(connection: SftpConnection, error: Any) -> ConnectorFailed:
    where = f"The connection '{connection.name}' ({connection.host}:{connection.port})"
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return ConnectorRefused(f"{where}: the host's key is not in the file of known_hosts")
    if isinstance(error, asyncssh.PermissionDenied):
        return ConnectorRefused(f"{where}: the server does not accept the user")
    if isinstance(error, asyncssh.KeyImportError | asyncssh.KeyEncryptionError):
        return ConnectorRefused(f"{where}: private_key cannot be read, or passphrase is not its")
    if isinstance(error, OSError) and getattr(error, "filename", None) is not None:
        return ConnectorRefused(f"{where}: private_key or known_hosts cannot be read: {error.strerror}")
    return ConnectorFailed(f"{where}: the server cannot be reached: {type(error).__name__}", causes=("unavailable",))


_CAUSES: dict[type[Exception], tuple[str, str]] = {
    asyncssh.SFTPNoSuchFile: ("not-found", "No such file or directory"),
    asyncssh.SFTPNoSuchPath: ("not-found", "No such file or directory"),
    asyncssh.SFTPPermissionDenied: ("no-permission", "Permission denied"),
    asyncssh.SFTPFileAlreadyExists: ("exists", "File exists"),
}


def _failed(connection: SftpConnection, error: Exception) -> ConnectorFailed:
    """Without the server's words: they repeat paths."""
    found = _CAUSES.get(type(error))
    if found is not None:
        return ConnectorRefused(f"The connection '{connection.name}': {found[1]}", causes=(found[0],))
    return ConnectorFailed(f"The connection '{connection.name}': {type(error).__name__}", causes=("unavailable",))
