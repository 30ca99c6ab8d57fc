"""`camunda-external-task-client-python3` 4.5.0 from PyPI, unmodified, against the server."""

from collections.abc import Callable

import pytest

from clients.orders import check_orders, start_orders, wait_for
from clients.remote import Remote, checks_of
from support.processes import Server

CHECKS = "checks/python3.py"


def test_order(python_client: Callable[..., Remote], server: Server) -> None:
    orders = start_orders(server, "python3")
    python_client(CHECKS).run("python3:order")
    wait_for(server, orders)
    check_orders(server, orders)


@pytest.mark.parametrize("check", [name for name in checks_of(CHECKS) if not name.endswith(":order")])
def test_call(python_client: Callable[..., Remote], check: str) -> None:
    python_client(CHECKS).run(check)
