"""For tests: a whole engine in memory whose clock stands still until it is moved, assertions, and the suites that stores
must pass.

    from penstock.testing import VirtualEngine, assert_that

    with VirtualEngine() as engine:
        engine.deploy("order.bpmn")
        instance = engine.start("order", {"amount": 100})
        assert_that(instance).waits_at("charge_card")

With pytest the fixture `engine` gives a fresh one to each test (`penstock.testing.pytest_plugin`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.testing.assertions import InstanceAssertions, assert_that
    from penstock.testing.coverage import Coverage
    from penstock.testing.instance import Incident, ProcessInstance, UserTask
    from penstock.testing.virtual import VirtualEngine

_HOMES = {
    "Coverage": "coverage",
    "Incident": "instance",
    "InstanceAssertions": "assertions",
    "ProcessInstance": "instance",
    "UserTask": "instance",
    "VirtualEngine": "virtual",
    "assert_that": "assertions",
}

__all__ = [
    "Coverage",
    "Incident",
    "InstanceAssertions",
    "ProcessInstance",
    "UserTask",
    "VirtualEngine",
    "assert_that",
]


def __getattr__(name: str) -> Any:
    # Late: pytest loads this package wherever it is installed, tests of processes or not.
    if name not in _HOMES:
        raise AttributeError(f"module 'penstock.testing' has no attribute {name!r}")
    return getattr(import_module(f"penstock.testing.{_HOMES[name]}"), name)
