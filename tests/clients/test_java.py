"""`org.camunda.bpm:camunda-external-task-client` 7.24.0 from Maven, unmodified, against the server."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.orders import check_workers
from clients.remote import FOLDER, Remote, checks_of
from support.processes import Running, Server

SOURCES = FOLDER / "java"
CHECKS = ("java/Calls.java", "java/Filters.java", "java/Values.java")
JVM = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"]
"""Quick to start, and small."""


@pytest.fixture(scope="module")
def java_client(java_worker: Path, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """The checks, compiled against the jars of the worker."""
    classes = tmp_path_factory.mktemp("classes")
    path = os.pathsep.join([str(classes), str(java_worker.with_name("lib") / "*")])
    sources = [str(file) for file in sorted(SOURCES.glob("*.java"))]
    javac = [
        "javac",
        "-J-XX:+UseSerialGC",
        "-J-XX:TieredStopAtLevel=1",
        "-encoding",
        "UTF-8",
        "-proc:none",
        "-d",
        str(classes),
        "-cp",
        path,
    ]
    subprocess.run([*javac, *sources], check=True, timeout=120)
    command = [*JVM, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", path, "Runner"]
    log = tmp_path_factory.mktemp("client") / "client.log"
    with Remote([*command, f"{server.url}/engine-rest", str(FOLDER / "models")], log, os.environ) as client:
        yield client


def test_order(java_worker: Path, server: Server, tmp_path: Path) -> None:
    command = [*JVM, "-jar", str(java_worker)]
    check_workers(server, "java", lambda settings: Running(command, tmp_path / "worker.log", settings))


@pytest.mark.parametrize("check", checks_of(*CHECKS))
def test_call(java_client: Remote, check: str) -> None:
    java_client.run(check)
