"""`camunda-external-task-client-js` 3.1.0 from npm, unmodified, against the server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.conftest import ORDER
from clients.orders import check_orders, start_orders, wait_for
from clients.remote import FOLDER, Remote, checks_of
from support.processes import JS_CLIENT, Running, Server, node_binary, wait_until

CHECKS = "javascript/calls.mjs"


@pytest.fixture(scope="module")
def node() -> str:
    return node_binary()


@pytest.fixture(scope="module")
def javascript_client(node: str, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    client = FOLDER.parents[1] / JS_CLIENT / "index.js"
    runner, checks = FOLDER / "javascript" / "runner.mjs", FOLDER / CHECKS
    command = [node, str(runner), f"{server.url}/engine-rest", str(FOLDER / "models"), str(client), str(checks)]
    with Remote(command, tmp_path_factory.mktemp("client") / "client.log", os.environ) as remote:
        yield remote


def _worker(node: str, server: Server, folder: Path, *, carrier_down: str) -> Running:
    environment = {"PENSTOCK_URL": server.url, "CARRIER_DOWN": carrier_down, "RETRY_TIMEOUT_MS": "50"}
    return Running([node, str(ORDER / "workers-js" / "worker.js")], folder / "worker.log", environment)


def test_order(node: str, server: Server, tmp_path: Path) -> None:
    """The example's own workers: a carrier that is down is an incident after three tries, until it is repaired."""
    orders = start_orders(server, "javascript")
    (slow,) = (order for order in orders if order.carrier == "slowpost")
    with _worker(node, server, tmp_path, carrier_down="slowpost") as worker:
        wait_until(lambda: (bool(server.get("/incident", processInstanceId=slow.instance)), None), "an incident")
        worker.stop()
    with _worker(node, server, tmp_path, carrier_down="") as worker:
        everything = {"retries": 3, "externalTaskQuery": {"processInstanceId": slow.instance}}
        assert server.rest.put("/external-task/retries", json=everything).status_code == 204
        wait_for(server, orders)
        worker.stop()
    check_orders(server, orders, failures=3)


@pytest.mark.parametrize("check", checks_of(CHECKS))
def test_call(javascript_client: Remote, check: str) -> None:
    javascript_client.run(check)
