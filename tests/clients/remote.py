"""The parent's half: a client in a process of its own that runs checks by name.

A request is a line of JSON on its standard input, an answer a line of JSON after `ANSWER` on its standard output, where a
client may also print what it likes. The other halves: `runner.py`, `java/Runner.java`, `javascript/runner.mjs`.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

FOLDER = Path(__file__).resolve().parent
ANSWER = "@answer "

_CHECKS = {
    ".py": re.compile(r"^def check_(\w+)\(", re.MULTILINE),
    ".java": re.compile(r"^    static void check_(\w+)\(", re.MULTILINE),
    ".mjs": re.compile(r"^export const check_(\w+) =", re.MULTILINE),
}


def checks_of(*files: str) -> list[str]:
    """The names of the checks in these files below this folder, as `file:name`."""
    found = []
    for file in files:
        names = _CHECKS[Path(file).suffix].findall((FOLDER / file).read_text())
        assert names, f"{file} has no checks"
        found += [f"{Path(file).stem}:{name}" for name in names]
    return found


class Remote:
    """Runs checks until the block that opened it ends; what the client said on stderr is shown when one fails."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self._log = log
        self._output = log.open("wb")
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            env=dict(environment),
            text=True,
        )

    def run(self, check: str, **arguments: Any) -> Any:
        """Runs one check. Its failure is this test's failure; what it returned is returned."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        said_before = self._log.stat().st_size if process.poll() is None else 0
        with suppress(BrokenPipeError):  # it has ended: said below, where its answer would be
            process.stdin.write(json.dumps({"check": check, "arguments": arguments}) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            if line.startswith(ANSWER):
                answer = json.loads(line[len(ANSWER) :])
                break
        else:
            answer = {"failure": f"the client's process ended with {process.wait()}"}
        if answer.get("failure"):
            said = self._log.read_bytes()[said_before:].decode(errors="replace")[-2000:]
            pytest.fail(f"{check}: {answer['failure']}\n--- stderr of the client\n{said}", pytrace=False)
        return answer.get("result")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._output.close()
