"""`operaton-tasks` 1.0b3 from PyPI, unmodified, against the server."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.orders import check_orders, start_orders, wait_for
from clients.remote import FOLDER, Remote, checks_of
from support.processes import Running, Server

CHECKS = "checks/operaton_tasks.py"
POLL = {"ENGINE_REST_POLL_TTL_SECONDS": "1", "LOG_LEVEL": "INFO"}


def test_order(clients_python: Path, server: Server, tmp_path: Path) -> None:
    """With the package's own command."""
    orders = start_orders(server, "operaton")
    command = [str(clients_python.with_name("operaton-tasks")), "serve", str(FOLDER / "operaton_order.py")]
    options = ["--base-url", f"{server.url}/engine-rest", "--limit", "12", "--run-timeout", "60"]
    path = os.pathsep.join([str(FOLDER), os.environ.get("PYTHONPATH", "")])
    with Running([*command, *options], tmp_path / "worker.log", {**POLL, "PYTHONPATH": path}) as worker:
        assert worker.process.wait(90) == 0
        wait_for(server, orders)
        check_orders(server, orders)


@pytest.mark.parametrize("check", checks_of(CHECKS))
def test_call(python_client: Callable[..., Remote], check: str) -> None:
    python_client(CHECKS, **POLL).run(check)
