"""What a folder can do, wherever it is."""

from typing import Protocol

import msgspec

Path = tuple[str, ...]


class Entry(msgspec.Struct, frozen=True):
    """A file in a folder. `modified`: seconds since the epoch."""

    name: str
    size_bytes: int
    modified: float
    folder: bool = False


class Files(Protocol):
    """What a folder can do. Paths have been checked (`paths.segments`); no symbolic link is followed.

    All raise ConnectorFailed, ConnectorRefused with the causes `not-found`, `exists`, `too-large`, `no-permission`.
    """

    async def read(self, path: Path) -> bytes: ...

    async def write(self, path: Path, content: bytes, *, overwrite: bool, folders: bool, key: str) -> bool:
        """All of it or nothing. Returns whether it wrote: not when the file is there already, with this content."""
        ...

    async def entries(self, path: Path) -> list[Entry]: ...

    async def move(self, path: Path, target: Path, *, overwrite: bool, folders: bool) -> None: ...

    async def delete(self, path: Path) -> bool:
        """Returns whether there was one."""
        ...

    async def close(self) -> None: ...
