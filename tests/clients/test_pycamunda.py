"""`pycamunda` 0.6.1 from PyPI, unmodified, against the server. One file of checks a resource."""

from collections.abc import Callable

import pytest

from clients.orders import check_orders, start_orders, wait_for
from clients.remote import Remote, checks_of
from support.processes import Server

RESOURCES = (
    "external_task",
    "definitions",
    "instances",
    "tasks",
    "events",
    "identities",
    "filters",
    "batches",
    "decisions",
)
CHECKS = tuple(f"checks/pycamunda/{resource}.py" for resource in RESOURCES)
ORDER = "checks/pycamunda/order.py"


def test_order(python_client: Callable[..., Remote], server: Server) -> None:
    orders = start_orders(server, "pycamunda")
    python_client(ORDER, *CHECKS).run("order:order")
    wait_for(server, orders)
    check_orders(server, orders)


@pytest.mark.parametrize("check", checks_of(*CHECKS))
def test_call(python_client: Callable[..., Remote], check: str) -> None:
    python_client(ORDER, *CHECKS).run(check)
