"""`file-connector` in a folder of the machine and on a real SFTP server (asyncssh's own)."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from places import connections

from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.files.connector import FileConnector
from penstock.expr.values import FileValue


class Place:
    """A connection to `folder`."""

    def __init__(self, folder: Path, section: dict[str, Any]) -> None:
        self.folder = folder
        self.section = section

    async def call(
        self, operation: str, path: str | None = None, *, more: Any = None, key: str = "job-1", **inputs: Any
    ) -> Any:
        connector = FileConnector(connections(exchange={**self.section, **(more or {})}))
        return await connector.call({"connection": "exchange", "operation": operation, "path": path, **inputs}, key=key)

    async def refused(self, operation: str, path: str | None = None, **inputs: Any) -> ConnectorFailed:
        with pytest.raises(ConnectorFailed) as found:
            await self.call(operation, path, **inputs)
        assert "secret" not in found.value.message
        return found.value


def names(place: Place) -> list[str]:
    return sorted(path.name for path in place.folder.iterdir())


class Login(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("anna", "hunter2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "exchange"
    found.mkdir()
    (tmp_path / "secret.txt").write_text("outside")
    return found


@pytest.fixture
async def sftp(folder: Path, tmp_path: Path) -> AsyncIterator[Place]:
    host, user = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    user.write_private_key(str(tmp_path / "id"))
    user.write_public_key(str(tmp_path / "authorized"))
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host],
        server_factory=Login,
        authorized_client_keys=str(tmp_path / "authorized"),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(tmp_path)),
    )
    port = server.get_port()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {host.export_public_key().decode()}")
    url = f"sftp://127.0.0.1:{port}/exchange"
    yield Place(folder, {"url": url, "user": "anna", "password": "hunter2", "known_hosts": str(tmp_path / "known")})
    server.close()
    await server.wait_closed()


@pytest.fixture
def local(folder: Path) -> Place:
    return Place(folder, {"url": f"file://{folder}"})


@pytest.fixture(params=["local", "sftp"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


async def test_written_and_read(place: Place) -> None:
    assert await place.call("write", "a.txt", content="Grüße") == {"written": True, "size": 7}
    assert (place.folder / "a.txt").read_text() == "Grüße"
    assert await place.call("read", "a.txt") == {"content": "Grüße", "size": 7}
    assert (await place.call("read", "a.txt", **{"as": "bytes"}))["content"] == "Grüße".encode()
    file = (await place.call("read", "a.txt", **{"as": "file"}))["content"]
    assert isinstance(file, FileValue)
    assert (file.content, file.info) == ("Grüße".encode(), {"filename": "a.txt", "mimetype": "text/plain"})
    await place.call("write", "b.bin", content=file)
    assert (place.folder / "b.bin").read_bytes() == "Grüße".encode()
    await place.call("write", "c.json", content={"a": [1]})
    assert (place.folder / "c.json").read_text() == '{"a":[1]}'
    assert names(place) == ["a.txt", "b.bin", "c.json"]


async def test_folders_are_made_when_the_model_says_so(place: Place) -> None:
    assert (await place.refused("write", "x/y/a.txt", content="1")).causes == ("not-found",)
    await place.call("write", "x/y/a.txt", content="1", createFolders="true")
    assert (place.folder / "x" / "y" / "a.txt").read_text() == "1"


async def test_a_file_that_is_there(place: Place) -> None:
    await place.call("write", "a.txt", content="1")
    await place.call("write", "a.txt", content="2")
    assert (await place.refused("write", "a.txt", content="3", overwrite=False)).causes == ("exists",)
    assert (place.folder / "a.txt").read_text() == "2"


async def test_a_repeated_attempt_finds_what_the_first_has_written(place: Place) -> None:
    assert (await place.call("write", "a.txt", content="1", overwrite=False))["written"] is True
    assert (await place.call("write", "a.txt", content="1", overwrite=False))["written"] is False


async def test_listed(place: Place) -> None:
    for name in ("b.csv", "a.csv", "c.txt", ".penstock-half"):
        (place.folder / name).write_text("12")
    (place.folder / "sub").mkdir()
    (place.folder / "link.csv").symlink_to(place.folder / "a.csv")
    found = (await place.call("list", pattern="*.csv"))["files"]
    assert [(one["name"], one["size"]) for one in found] == [("a.csv", 2), ("b.csv", 2)]
    assert [one["name"] for one in (await place.call("list"))["files"]] == ["a.csv", "b.csv", "c.txt"]
    assert (await place.call("list", "sub"))["files"] == []
    assert (await place.refused("list", "none")).causes == ("not-found",)
    assert (await place.refused("list", more={"entries_max": 2})).causes == ("too-many",)


async def test_moved_and_deleted(place: Place) -> None:
    await place.call("write", "a.txt", content="1")
    assert await place.call("move", "a.txt", target="done/a.txt", createFolders=True) == {"path": "done/a.txt"}
    assert (place.folder / "done" / "a.txt").read_text() == "1"
    await place.call("write", "a.txt", content="2")
    assert (await place.refused("move", "a.txt", target="done/a.txt")).causes == ("exists",)
    await place.call("move", "a.txt", target="done/a.txt", overwrite=True)
    assert (place.folder / "done" / "a.txt").read_text() == "2"
    assert (await place.refused("move", "a.txt", target="b.txt")).causes == ("not-found",)
    assert await place.call("delete", "done/a.txt") == {"deleted": True}
    assert await place.call("delete", "done/a.txt") == {"deleted": False}


OUTSIDE = ("../secret.txt", "/etc/passwd", "a/../../secret.txt", "a\\..\\secret.txt", "..", "", "a\0b", ".")


async def test_no_path_leads_out(place: Place) -> None:
    for path in OUTSIDE:
        for operation, inputs in (("read", {}), ("write", {"content": "x"}), ("delete", {}), ("move", {"target": "b"})):
            assert isinstance(await place.refused(operation, path, **inputs), ConnectorRefused), (operation, path)
        assert isinstance(await place.refused("move", "a", target=path), ConnectorRefused)
    assert (place.folder.parent / "secret.txt").read_text() == "outside"


async def test_a_folder_that_is_not_there_is_no_missing_file(place: Place) -> None:
    failed = await place.refused("list", more={"url": place.section["url"] + "-other"})
    assert "its folder cannot be opened" in failed.message
    assert failed.causes == ()


async def test_nor_does_a_symbolic_link(place: Place) -> None:
    (place.folder / "file").symlink_to(place.folder.parent / "secret.txt")
    (place.folder / "out").symlink_to(place.folder.parent)
    for path in ("file", "out/secret.txt"):
        assert isinstance(await place.refused("read", path), ConnectorRefused)
        assert isinstance(await place.refused("write", path, content="x"), ConnectorRefused)
    await place.refused("list", "out")
    await place.refused("delete", "out/secret.txt")
    await place.refused("write", "new.txt/x", content="x")
    assert (place.folder.parent / "secret.txt").read_text() == "outside"


async def test_bounds(place: Place) -> None:
    (place.folder / "a.txt").write_text("x" * 100)
    assert (await place.refused("read", "a.txt", more={"file_bytes_max": 99})).causes == ("too-large",)
    assert (await place.call("read", "a.txt", more={"file_bytes_max": 100}))["size"] == 100
    assert (await place.refused("write", "b.txt", content="x" * 100, more={"file_bytes_max": 99})).causes == (
        "too-large",
    )
    (place.folder / "c.bin").write_bytes(b"\xff\xfe")
    assert (await place.refused("read", "c.bin")).causes == ("no-text",)


async def test_reading_only(place: Place) -> None:
    (place.folder / "a.txt").write_text("1")
    more = {"read_only": True}
    assert (await place.call("read", "a.txt", more=more))["content"] == "1"
    for operation, inputs in (("write", {"content": "x"}), ("delete", {}), ("move", {"target": "b.txt"})):
        assert "for reading only" in (await place.refused(operation, "a.txt", more=more, **inputs)).message


async def test_a_pipe_is_no_file(local: Place) -> None:
    os.mkfifo(local.folder / "pipe")
    assert (await local.refused("read", "pipe")).causes == ("no-file",)
    assert (await local.refused("read", "../pipe")).causes == ()


async def test_what_an_attempt_has_left_half_written_is_not_in_the_way(place: Place) -> None:
    await place.call("write", "a.txt", content="whole")
    assert names(place) == ["a.txt"]
    for half in ("x", "longer than what follows"):
        (place.folder / ".penstock-half").write_text(half)
        await place.call("write", "a.txt", content="new")
    assert (place.folder / "a.txt").read_text() == "new"


async def test_a_private_key(sftp: Place, tmp_path: Path) -> None:
    # Few rounds: a key that is hard to guess takes seconds to read.
    locked = {"passphrase": "hunter3", "rounds": 1, "ignore_few_rounds": True}
    asyncssh.read_private_key(tmp_path / "id").write_private_key(tmp_path / "locked", **locked)
    section = {name: value for name, value in sftp.section.items() if name != "password"}
    place = Place(sftp.folder, {**section, "private_key": str(tmp_path / "id")})
    await place.call("write", "a.txt", content="1")
    place = Place(sftp.folder, {**section, "private_key": str(tmp_path / "locked"), "passphrase": "hunter3"})
    assert (await place.call("read", "a.txt"))["content"] == "1"
    assert "private_key cannot be read" in (await place.refused("list", more={"passphrase": "wrong"})).message


async def test_nobody_is_talked_to_whose_key_is_not_known(sftp: Place, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    port = sftp.section["url"].split(":")[2].split("/")[0]
    for known in (f"[127.0.0.1]:{port} {other}", ""):
        (tmp_path / "other").write_text(known)
        refused = await sftp.refused("list", more={"known_hosts": str(tmp_path / "other")})
        assert isinstance(refused, ConnectorRefused)
        assert "key is not in the file of known_hosts" in refused.message
    assert "cannot be read" in (await sftp.refused("list", more={"known_hosts": str(tmp_path / "none")})).message


async def test_a_wrong_password_and_a_server_that_is_not_there(sftp: Place) -> None:
    refused = await sftp.refused("list", more={"password": "wrong"})
    assert isinstance(refused, ConnectorRefused)
    assert "does not accept the user" in refused.message
    failed = await sftp.refused("list", more={"url": "sftp://127.0.0.1:1/exchange"})
    assert not isinstance(failed, ConnectorRefused)
