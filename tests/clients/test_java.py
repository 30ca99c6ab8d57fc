"""`org.camunda.bpm:camunda-external-task-client` 7.24.0 from Maven, unmodified, against the server."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.orders import Order, check_orders, start_orders, wait_for
from clients.remote import FOLDER, Remote, checks_of
from support.processes import Running, Server, wait_until

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


def _worker(java_worker: Path, server: Server, folder: Path, *, carrier_down: str) -> Running:
    environment = {"PENSTOCK_URL": server.url, "CARRIER_DOWN": carrier_down, "RETRY_TIMEOUT_MS": "50"}
    return Running([*JVM, "-jar", str(java_worker)], folder / "worker.log", environment)


def test_order(java_worker: Path, server: Server, tmp_path: Path) -> None:
    """The example's own workers: a carrier that is down is an incident after three tries, until it is repaired."""
    orders = start_orders(server, "java")
    (slow,) = (order for order in orders if order.carrier == "slowpost")
    with _worker(java_worker, server, tmp_path, carrier_down="slowpost") as worker:
        wait_until(lambda: _has_incident(server, slow), "an incident")
        wait_for(server, [order for order in orders if order is not slow])
        worker.stop()
    with _worker(java_worker, server, tmp_path, carrier_down="") as worker:
        everything = {"retries": 3, "externalTaskQuery": {"processInstanceId": slow.instance}}
        assert server.rest.put("/external-task/retries", json=everything).status_code == 204
        wait_for(server, orders)
        worker.stop()
    check_orders(server, orders, failures=3)


def _has_incident(server: Server, order: Order) -> tuple[bool, object]:
    incidents = server.get("/incident", processInstanceId=order.instance)
    return bool(incidents), incidents


@pytest.mark.parametrize("check", checks_of(*CHECKS))
def test_call(java_client: Remote, check: str) -> None:
    java_client.run(check)
