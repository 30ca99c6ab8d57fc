"""What the tests of the clients share: one server a file, and the clients' own environments."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from clients.remote import FOLDER, Remote
from support.processes import Server

ROOT = FOLDER.parents[1]
ORDER = ROOT / "examples" / "order"
JAVA_WORKER = ORDER / "workers-java" / "target" / "order-workers.jar"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the order example, for all tests of a file."""
    folder = tmp_path_factory.mktemp("server")
    with Server(f"sqlite:///{folder}/clients.db", folder) as running:
        running.deploy(ORDER / "order.bpmn")
        yield running


@pytest.fixture(scope="session")
def clients_python() -> Path:
    """The Python of the environment with the clients from PyPI. Missing: skipped, in CI failed."""
    python = Path(sys.prefix, "clients", "bin", "python")
    _need(python, "THE PYTHON CLIENTS")
    return python


@pytest.fixture(scope="session")
def java_worker() -> Path:
    """The order example's workers in Java, built, with the client in the folder `lib` beside. Missing: as above."""
    _need(JAVA_WORKER, "THE JAVA CLIENT")
    return JAVA_WORKER


@pytest.fixture(scope="module")
def python_client(
    clients_python: Path, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Remote]]:
    """Opens a process in the clients' environment, for all tests of a file: `python_client("checks/….py", …)`."""
    with ExitStack() as stack:
        opened: dict[tuple[str, ...], Remote] = {}

        def client(*files: str, **environment: str) -> Remote:
            if files not in opened:
                log = tmp_path_factory.mktemp("client") / "client.log"
                command = [str(clients_python), str(FOLDER / "runner.py"), f"{server.url}/engine-rest", *files]
                opened[files] = stack.enter_context(Remote(command, log, {**os.environ, **environment}))
            return opened[files]

        yield client


def _need(file: Path, what: str) -> None:
    if file.exists():
        return
    missing = f"there is no {file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}: `make test` makes it"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(f"NOTHING OF {what} IS TESTED: {missing}")
