"""The server under load: a process of its own on a free port."""

import subprocess
import sys
import time
from pathlib import Path

import httpx

from penstock.bench.postgres import free_port

START_S = 30.0
STOP_S = 60.0
CATCH_UP_S = 600.0
"""How long the views may take in the end before the run counts as failed."""


class ServerFailed(Exception):
    """The server did not start, stopped, or refused; the message says how."""


class Server:
    """`with Server(…) as server:`. `profile`: a file for cProfile's findings."""

    def __init__(self, store: str, processes: int, folder: Path, profile: str | None = None) -> None:
        self.host, self.port = "127.0.0.1", free_port()
        self._log = folder / "server.log"
        python = [sys.executable]
        if profile is not None:
            python += ["-m", "cProfile", "-o", profile]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *python, "-m", "penstock.cli", "up", "--host", self.host, "--port", str(self.port), "--store", store,
                    "--processes", str(processes), "--log-level", "warning",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )  # fmt: skip
        self._client = httpx.Client(base_url=f"http://{self.host}:{self.port}", timeout=60.0, trust_env=False)

    def __enter__(self) -> "Server":
        end_s = time.monotonic() + START_S
        while True:
            try:
                if self._client.get("/ready").status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            if self.process.poll() is not None or time.monotonic() > end_s:
                self.stop()
                raise ServerFailed(f"the server did not start: {self.said()}")
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self._client.close()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def said(self) -> str:
        """The end of its log."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return "\n".join(lines[-20:]) or "it said nothing"

    def deploy(self, name: str, model: str) -> None:
        """Deploys one model. Raises ServerFailed."""
        response = self._client.post(
            "/engine-rest/deployment/create",
            data={"deployment-name": name, "deploy-changed-only": "true"},
            files={"file": (f"{name}.bpmn", model.encode(), "application/xml")},
        )
        if response.status_code != 200:
            raise ServerFailed(f"the server refused the model: {response.text}")

    def finished(self, key: str) -> int:
        """How many instances of the definition have ended, with everything answered so far in the views.

        Raises ServerFailed when the views do not catch up.
        """
        end_s = time.monotonic() + CATCH_UP_S
        while True:
            response = self._client.get(
                "/engine-rest/history/process-instance/count", params={"finished": "true", "processDefinitionKey": key}
            )
            if response.status_code == 200:
                return int(response.json()["count"])
            if response.status_code != 503 or time.monotonic() > end_s:
                raise ServerFailed(
                    f"the count of finished instances was refused: {response.status_code} {response.text}"
                )
