"""What the starters of real brokers share: ports, processes, Java programs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

Running = TypeVar("Running")

CACHE = Path(sys.prefix) / "brokers"
"""Programs that were fetched once; goes with the virtual environment."""
FETCH_S = 600
START_S = 120
STOP_S = 60


class NoBroker(Exception):
    """It cannot be had here."""


class BrokerFailed(Exception):
    """It is there, and does not start or stop."""


def enter(stack: ExitStack, name: str, broker: AbstractContextManager[Running]) -> Running:
    """The running broker. Where it cannot be had its tests are skipped, loudly; in continuous integration they fail."""
    try:
        return stack.enter_context(broker)
    except NoBroker as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name}: {missing}")
        pytest.skip(f"NOTHING OF {name.upper()} IS TESTED: {missing}")


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def program(name: str, package: str, *folders: str) -> str:
    """The program `name`, which Debian's `package` has, in the path or one of `folders`. Raises NoBroker."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise NoBroker(f"there is no {name} here: apt-get install {package}")
    return found


def java() -> str:
    """The program `java`. Raises NoBroker."""
    found = shutil.which("java")
    if found is None:
        raise NoBroker("there is no java here: apt-get install default-jre-headless")
    return found


def maven_jars(name: str, *artifacts: str) -> Path:
    """A folder with the artifacts (`group:artifact:version`) and all they need, fetched by Maven once. Raises NoBroker."""
    folder = CACHE / name
    stamp = folder / "artifacts"
    if not stamp.exists() or stamp.read_text(encoding="utf-8").split() != list(artifacts):
        _fetch_jars(folder, artifacts)
        stamp.write_text("\n".join(artifacts), encoding="utf-8")
    return folder / "libs"


def maven_archive(name: str, artifact: str) -> Path:
    """A folder with what the archive `group:artifact:version:tar.gz:classifier` holds, fetched once. Raises NoBroker."""
    folder = CACHE / name
    stamp = folder / "artifacts"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != artifact:
        _fetch_archive(folder, artifact)
        stamp.write_text(artifact, encoding="utf-8")
    return folder


def _fetch_archive(folder: Path, artifact: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
    _run_maven(plugin, f"-Dartifact={artifact}", f"-DoutputDirectory={folder}")
    for archive in folder.glob("*.tar.gz"):
        subprocess.run(["tar", "-xzf", str(archive), "-C", str(folder)], check=True)
        archive.unlink()


def _fetch_jars(folder: Path, artifacts: Sequence[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    dependencies = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *artifact.split(":")
        )
        for artifact in artifacts
    )
    (folder / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>local</groupId>'
        f"<artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>",
        encoding="utf-8",
    )
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
    options = (f"-DoutputDirectory={folder / 'libs'}", "-DincludeScope=runtime")
    _run_maven("-f", str(folder / "pom.xml"), plugin, *options)


def _run_maven(*arguments: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NoBroker("there is no mvn here to fetch it: apt-get install maven")
    done = subprocess.run([maven, "-q", "-B", *arguments], capture_output=True, text=True, timeout=FETCH_S, check=False)
    if done.returncode:
        raise NoBroker(f"Maven cannot fetch it: {done.stdout[-500:]}")


class LocalProcess:
    """A server as a child process that writes its log to a file.

    `pid_file`: where the server writes its own number, when the command is a script around it."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
        pid_file: Path | None = None,
    ) -> None:
        self._environment = {**os.environ, **(environment or {})}
        self._pid_file = pid_file
        self._command = command
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it is ready. Raises BrokerFailed."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )
        end_s = time.monotonic() + START_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end_s:
                raise BrokerFailed(f"it did not start: {self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stops it and waits until it has gone."""
        if self._process is not None:
            process, self._process = self._process, None
            if self._pid_file is None:
                process.send_signal(how)
            elif self._pid_file.exists():
                os.kill(int(self._pid_file.read_text(encoding="utf-8")), how)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
