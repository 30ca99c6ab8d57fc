"""The pytest plugin, loaded wherever Penstock is installed: the fixture `engine`, and coverage of models.

A fixture `engine` of your own (in a `conftest.py` or a test file) takes its place; then use `penstock_engine`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from penstock.testing.coverage import Coverage
    from penstock.testing.virtual import VirtualEngine

_COVERAGE = pytest.StashKey["Coverage"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the command line."""
    group = parser.getgroup("penstock", "Penstock: tests of processes")
    group.addoption(
        "--bpmn-coverage", action="store_true", help="Show which elements of the deployed models were visited."
    )
    group.addoption(
        "--bpmn-coverage-min",
        type=float,
        metavar="PERCENT",
        help="Fail when less of any deployed process was visited.",
    )


@pytest.fixture
def penstock_engine(request: pytest.FixtureRequest) -> "Iterator[VirtualEngine]":
    """A fresh engine in memory with a virtual clock (`penstock.testing.VirtualEngine`)."""
    from penstock.testing.virtual import VirtualEngine

    with VirtualEngine() as made:
        yield made
        if _is_wanted(request.config):
            _coverage(request.config).update(made.coverage())


@pytest.fixture
def engine(penstock_engine: "VirtualEngine") -> "VirtualEngine":
    """The same as `penstock_engine`."""
    return penstock_engine


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Shows the coverage."""
    if not _is_wanted(config):
        return
    terminalreporter.section("coverage of models")
    for line in _coverage(config).report() or ["no test has deployed a model with the fixture engine"]:
        terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fails a run that has visited too little."""
    least = session.config.getoption("--bpmn-coverage-min", None)
    if least is None or exitstatus != pytest.ExitCode.OK:
        return
    found = _coverage(session.config)
    if any(found.percent(key) < least for key in found.processes):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_wanted(config: pytest.Config) -> bool:
    return bool(config.getoption("--bpmn-coverage", False)) or config.getoption("--bpmn-coverage-min", None) is not None


def _coverage(config: pytest.Config) -> "Coverage":
    from penstock.testing.coverage import Coverage

    return config.stash.setdefault(_COVERAGE, Coverage())
