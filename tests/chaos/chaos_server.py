"""Real `penstock up` processes, which are killed, paused and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

START_MAX_S = 60.0
"""A server that is not ready by then has failed: two cores may be shared with much else."""

JOB_LEASE_MS = 2_000
"""So that the jobs of a killed node come back while the test runs."""


class Ended(AssertionError):
    """The server has ended while it started."""


class Server:
    """One server: always the same port, a new process after each kill. Its output is kept in `folder`."""

    def __init__(self, name: str, store: str, folder: Path) -> None:
        self.name = name
        self.store = store
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{name}.log"
        self.starts_s: list[float] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._began_s = 0.0

    def spawn(self) -> None:
        """Starts a process; it is not ready yet."""
        assert self._process is None
        command = [sys.executable, "-m", "penstock.cli", "up", "--port", str(self.port), "--store", self.store]
        environment = {**os.environ, "PENSTOCK_JOB_LEASE_MS": str(JOB_LEASE_MS)}
        self._began_s = time.monotonic()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=self.log.parent
            )

    async def ready(self) -> None:
        """Waits until the server answers that it is ready."""
        async with httpx.AsyncClient(timeout=5) as client:
            while time.monotonic() - self._began_s < START_MAX_S:
                assert self._process is not None
                if self._process.poll() is not None:
                    code, self._process = self._process.returncode, None
                    raise Ended(f"{self.name} has ended with {code}:\n{self.tail()}")
                try:
                    if (await client.get(f"{self.url}/ready")).status_code == 200:
                        self.starts_s.append(time.monotonic() - self._began_s)
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
        raise AssertionError(f"{self.name} is not ready after {START_MAX_S} s:\n{self.tail()}")

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(60)
        self._process = None
        return code

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None

    def tail(self) -> str:
        """The end of the output."""
        return self.log.read_bytes()[-4_000:].decode(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
