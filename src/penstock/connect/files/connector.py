"""`file-connector`: reads, writes, lists, moves and deletes files below the folder of a connection."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib import import_module
from mimetypes import guess_type
from typing import Any

from penstock.base.errors import ConnectorRefused
from penstock.connect.connections import Connections, FileConnection, SftpConnection
from penstock.connect.drivers import missing
from penstock.connect.egress import Resolve, resolve
from penstock.connect.files.local import LocalFiles
from penstock.connect.files.paths import segments
from penstock.connect.files.protocol import Entry, Files, Path
from penstock.connect.inputs import choice, content_of, flag, required, text_of
from penstock.expr.values import FileValue

ID = "file-connector"

OPERATIONS = ("read", "write", "list", "move", "delete")
FORMS = ("text", "bytes", "file")


class FileConnector:
    """Works in the folders that are configured."""

    def __init__(self, connections: Connections, resolve: Resolve = resolve) -> None:
        self._connections = connections
        self._resolve = resolve

    async def call(self, inputs: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        """See `Connector.call`. Outputs: of read `content` and `size`; of write `written` and `size`; of list `files` (maps of
        `name`, `size`, `modified`); of move `path`; of delete `deleted`."""
        operation = choice("operation", inputs, OPERATIONS, None, ID)
        name = text_of("connection", inputs.get("connection"))
        connection = self._connections.of(name, FileConnection | SftpConnection, ID)  # type: ignore[arg-type]
        if connection.read_only and operation not in ("read", "list"):
            raise ConnectorRefused(f"The connection '{connection.name}' is for reading only (read_only)")
        work = _WORK[operation](inputs, connection)
        files = await self._open(connection)
        try:
            found: dict[str, Any] = await work(files, key)
        finally:
            await files.close()
        return found

    async def close(self) -> None:
        """See `Connector.close`: nothing is held."""

    async def _open(self, connection: FileConnection | SftpConnection) -> Files:
        if isinstance(connection, FileConnection):
            return LocalFiles(connection)
        try:
            sftp = import_module("penstock.connect.files.sftp")
        except ModuleNotFoundError as error:
            raise missing(f"The connection '{connection.name}'", error, "asyncssh", "sftp") from None
        found: Files = await sftp.connect(connection, self._connections.allowed(connection), self._resolve)
        return found


def _path(inputs: Mapping[str, Any]) -> Path:
    return segments(required("path", inputs, ID), "path")


def _read(inputs: Mapping[str, Any], connection: Any) -> Any:
    path, form = _path(inputs), choice("as", inputs, FORMS, "text", ID)

    async def work(files: Files, key: str) -> dict[str, Any]:
        content = await files.read(path)
        return {"content": _formed(content, form, path[-1]), "size": len(content)}

    return work


def _formed(content: bytes, form: str, name: str) -> Any:
    if form == "bytes":
        return content
    if form == "file":
        return FileValue(content, {"filename": name, "mimetype": guess_type(name)[0] or "application/octet-stream"})
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConnectorRefused("The file is no text in UTF-8: read it as bytes or file", causes=("no-text",)) from None
    if "\0" in text:
        raise ConnectorRefused("The file has NUL characters: read it as bytes or file", causes=("no-text",))
    return text


def _write(inputs: Mapping[str, Any], connection: Any) -> Any:
    path, content = _path(inputs), content_of("content", inputs.get("content"))
    overwrite, folders = flag("overwrite", inputs, True), flag("createFolders", inputs, False)
    if len(content) > connection.file_bytes_max:
        raise ConnectorRefused(
            f"The input parameter 'content' has more than {connection.file_bytes_max} bytes (file_bytes_max of the "
            f"connection '{connection.name}')",
            causes=("too-large",),
        )

    async def work(files: Files, key: str) -> dict[str, Any]:
        written = await files.write(path, content, overwrite=overwrite, folders=folders, key=key)
        return {"written": written, "size": len(content)}

    return work


def _list(inputs: Mapping[str, Any], connection: Any) -> Any:
    path = segments(text_of("path", inputs.get("path")) or "", "path", empty=True)
    pattern = text_of("pattern", inputs.get("pattern")) or "*"
    if "/" in pattern or len(pattern) > 200 or pattern.count("*") > 5:
        raise ConnectorRefused(
            "The input parameter 'pattern' must be one for names, such as *.csv, with 5 stars at most"
        )

    async def work(files: Files, key: str) -> dict[str, Any]:
        found = [entry for entry in await files.entries(path) if not entry.folder and fnmatchcase(entry.name, pattern)]
        return {"files": [_shown(entry) for entry in sorted(found, key=lambda entry: entry.name)]}

    return work


def _shown(entry: Entry) -> dict[str, Any]:
    modified = datetime.fromtimestamp(entry.modified, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"name": entry.name, "size": entry.size_bytes, "modified": modified}


def _move(inputs: Mapping[str, Any], connection: Any) -> Any:
    path, target = _path(inputs), segments(required("target", inputs, ID), "target")
    overwrite, folders = flag("overwrite", inputs, False), flag("createFolders", inputs, False)

    async def work(files: Files, key: str) -> dict[str, Any]:
        await files.move(path, target, overwrite=overwrite, folders=folders)
        return {"path": "/".join(target)}

    return work


def _delete(inputs: Mapping[str, Any], connection: Any) -> Any:
    path = _path(inputs)

    async def work(files: Files, key: str) -> dict[str, Any]:
        return {"deleted": await files.delete(path)}

    return work


_WORK = {"read": _read, "write": _write, "list": _list, "move": _move, "delete": _delete}
