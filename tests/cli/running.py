"""A server started by the command line, for tests."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

START_S = 60.0

MODEL = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="urn:test">
  <bpmn:process id="order" name="An order" isExecutable="true" camunda:historyTimeToLive="P1D">
    <bpmn:startEvent id="start" />
    <bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="ship" />
    <bpmn:serviceTask id="ship" camunda:type="external" camunda:topic="shipping" />
    <bpmn:sequenceFlow id="f2" sourceRef="ship" targetRef="end" />
    <bpmn:endEvent id="end" />
  </bpmn:process>
</bpmn:definitions>
"""


def environment(**more: str) -> dict[str, str]:
    """This process's, without settings of Penstock."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    return {**kept, **more}


def penstock(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "penstock.cli", *arguments],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


class Up:
    """`penstock up` on a free port; `with Up(folder, …) as server:`. `url`: where it is."""

    def __init__(self, folder: Path, *arguments: str, **more: str) -> None:
        self.folder = folder
        self._said = folder / "up.log"
        with self._said.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "penstock.cli", "up", "--port", "0", *arguments],
                cwd=folder,
                env=environment(**more),
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        self.url = ""

    def said(self) -> str:
        """Everything that it has printed."""
        return self._said.read_text()

    def __enter__(self) -> "Up":
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s and self.process.poll() is None:
            found = re.search(r"http://[\d.]+:\d+", self.said())
            if found:
                self.url = found[0]
                return self
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"the server did not start:\n{self.said()}")

    def __exit__(self, *_: object) -> None:
        self.kill()

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_S)

    def kill(self) -> None:
        """kill -9."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def rest(self, method: str, path: str, **options: object) -> httpx.Response:
        """One request below `/engine-rest`."""
        return httpx.request(method, f"{self.url}/engine-rest{path}", timeout=30, **options)  # type: ignore[arg-type]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs another command against this server."""
        return penstock(*arguments, cwd=self.folder, PENSTOCK_URL=self.url)
