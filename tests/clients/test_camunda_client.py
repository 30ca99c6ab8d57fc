"""`camunda-client` 0.15.0 from PyPI, unmodified, against the server."""

from collections.abc import Callable

import pytest

from clients.orders import check_orders, start_orders, wait_for
from clients.remote import Remote, checks_of
from support.processes import Server

CHECKS = "checks/camunda_client.py"


def test_order(python_client: Callable[..., Remote], server: Server) -> None:
    orders = start_orders(server, "camunda-client", instructions="Bytes")
    python_client(CHECKS).run("camunda_client:order")
    wait_for(server, orders)
    check_orders(server, orders)


@pytest.mark.parametrize("check", [name for name in checks_of(CHECKS) if not name.endswith(":order")])
def test_call(python_client: Callable[..., Remote], check: str) -> None:
    python_client(CHECKS).run(check)
