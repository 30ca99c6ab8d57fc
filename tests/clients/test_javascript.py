"""`camunda-external-task-client-js` 3.1.0 from npm, unmodified, against the server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.conftest import ORDER
from clients.orders import check_workers
from clients.remote import FOLDER, Remote, checks_of
from support.processes import JS_CLIENT, Running, Server, node_binary

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


def test_order(node: str, server: Server, tmp_path: Path) -> None:
    command = [node, str(ORDER / "workers-js" / "worker.js")]
    check_workers(server, "javascript", lambda settings: Running(command, tmp_path / "worker.log", settings))


@pytest.mark.parametrize("check", checks_of(CHECKS))
def test_call(javascript_client: Remote, check: str) -> None:
    javascript_client.run(check)
