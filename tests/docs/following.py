"""Follows a page of the documentation as its reader does: word for word, from the top, in a clean folder.

What a reader sees is enough to know what to do with a snippet:

| snippet | what is done |
|---|---|
| `shell` | typed into the terminal; each line must succeed |
| `text` behind it | its output; `…` stands for anything. A question (`penstock list`, …) is asked again until it is so |
| any other, if the sentence before ends with "as `NAME`:" | saved under that name |

Only what a browser would need is left to the tests of the cockpit. Comments in the page, which readers do not see, say
what a test cannot guess: `<!-- terminal NAME -->` (where the next snippets are typed), `<!-- terminal NAME: stays -->`
(the next snippet runs until it is stopped), `<!-- terminal NAME: fails -->` (its last line must), `<!-- ctrl-c NAME -->`. Names
and numbers that are others on the machine of each reader, as port 8080, are replaced by what stands for them here.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

ENDS_S = 120.0
"""How long a command may take that is waited for."""
SHOWS_S = 90.0
"""How long it may take until the page's output is seen."""

_PART = re.compile(
    r"<!-- (?P<verb>terminal|ctrl-c) (?P<rest>.*?) -->|^```(?P<language>\w*)[^\n]*\n(?P<snippet>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_SAVE_AS = re.compile(r"as `([^`\s]+)`[^`\n]*:\s*$")
_QUESTION = re.compile(r"(\S*/)?penstock (list|get|incidents)\b|curl -s '?http")


class Ends(StrEnum):
    """How a snippet that is typed has to end."""

    WELL = ""
    """Each line succeeds."""
    STAYS = "stays"
    """Not by itself: nothing in it fails before it is stopped, and then it does not matter how."""
    FAILS = "fails"
    """The last line does not succeed."""


_HOW = {
    Ends.WELL: "set -e; . {snippet} </dev/null; set +e",
    Ends.STAYS: "trap ': > {failed}' ERR; . {snippet} </dev/null; trap - ERR",
    Ends.FAILS: "if . {snippet} </dev/null; then exit 1; fi",
}


@dataclass
class Step:
    """One thing to do. `output`: lines that it must show."""

    line: int


@dataclass
class Save(Step):
    """Write a file."""

    name: str
    text: str


@dataclass
class Type(Step):
    """Type commands into a terminal."""

    terminal: str
    commands: str
    ends: Ends
    output: list[str] = field(default_factory=list)


@dataclass
class Interrupt(Step):
    """Press Ctrl-C."""

    terminal: str


def steps_of(page: str) -> list[Step]:
    """What the page tells its reader to do, in order."""
    found: list[Step] = []
    terminal, ends, before = "main", Ends.WELL, 0
    for part in _PART.finditer(page):
        line = page.count("\n", 0, part.start()) + 1
        language, snippet = part["language"], part["snippet"]
        save_as = _SAVE_AS.search(page[before : part.start()])
        before = part.end()
        if part["verb"] == "ctrl-c":
            found.append(Interrupt(line, part["rest"]))
        elif part["verb"] == "terminal":
            terminal, _, how = part["rest"].partition(": ")
            ends = Ends(how)
        elif language == "shell":
            found.append(Type(line, terminal, snippet, ends))
        elif language == "text" and found and isinstance(found[-1], Type):
            found[-1].output += [shown for shown in snippet.splitlines() if shown.strip()]
        elif save_as:
            found.append(Save(line, save_as[1], snippet))
    return found


class Terminal:
    """A shell of the reader's. What it has shown is in `log`."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._typed = 0
        self._snippets = log.with_suffix("")
        self._snippets.mkdir()
        with log.open("wb") as output:
            self._shell = subprocess.Popen(
                ["bash", "--norc", "--noprofile"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=folder,
                env={**environment, "COLUMNS": "160", "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        self._send("trap : INT")  # Ctrl-C is for what runs in it

    def type(self, commands: str, ends: Ends) -> int:
        """Types commands; where their output will begin."""
        began = self.log.stat().st_size
        self._typed += 1
        snippet = self._snippets / f"{self._typed}.sh"
        snippet.write_text(commands, encoding="utf-8")
        # A snippet must not read what is typed after it; the first command that fails ends it, and the shell.
        how = _HOW[ends].format(snippet=shlex.quote(str(snippet)), failed=shlex.quote(str(self._failed)))
        self._send(f"{how}; : > {shlex.quote(str(self._done))}")
        return began

    @property
    def ended(self) -> bool:
        """Whether the last snippet has ended."""
        return self._done.exists()

    def check(self) -> None:
        """Nothing that stays has failed in the last snippet."""
        assert not self._failed.exists(), f"a command failed in the terminal {self.name}"

    def wait(self) -> None:
        """Until the last snippet has ended, as it has to."""
        end = time.monotonic() + ENDS_S
        while not self.ended:
            assert self._shell.poll() is None, f"a command does not end as it should in the terminal {self.name}"
            assert time.monotonic() < end, f"a command does not end in the terminal {self.name}"
            time.sleep(0.02)

    def shown(self, began: int = 0) -> str:
        """What it has shown from a place on."""
        return self.log.read_bytes()[began:].decode(errors="replace")

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.check()
        os.killpg(self._shell.pid, signal.SIGINT)
        self.wait()

    def close(self) -> None:
        """Ends whatever still runs in it."""
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        for ask in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._shell.pid, ask)
                self._shell.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._shell.wait()

    def _send(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{line}\n".encode())
        self._shell.stdin.flush()

    @property
    def _done(self) -> Path:
        return self._snippets / f"{self._typed}.done"

    @property
    def _failed(self) -> Path:
        return self._snippets / f"{self._typed}.failed"


class Reader:
    """Somebody with terminals in a folder. Leaving the block closes them.

    `here`: what the page says, and what stands for it on this machine.
    """

    def __init__(self, folder: Path, logs: Path, here: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._logs = logs
        self._replaced = here
        self._said = re.compile("|".join(map(re.escape, here)) or r"(?!)")
        self._environment = environment
        self._terminals: dict[str, Terminal] = {}

    def follow(self, page: Path) -> None:
        """Does all that the page says. Raises AssertionError with the line of the page and all that was shown."""
        for step in steps_of(page.read_text(encoding="utf-8")):
            try:
                self._do(step)
            except AssertionError as error:
                error.add_note(f"--- {page.name}, line {step.line}: {step}")
                for terminal in self._terminals.values():
                    error.add_note(f"--- terminal {terminal.name}\n{terminal.shown()[-4000:]}")
                raise

    def _do(self, step: Step) -> None:
        if isinstance(step, Save):
            (self._folder / step.name).write_text(self._here(step.text), encoding="utf-8")
        elif isinstance(step, Interrupt):
            self._terminals[step.terminal].interrupt()
        elif isinstance(step, Type):
            self._type(self._terminal(step.terminal), step)

    def _terminal(self, name: str) -> Terminal:
        if name not in self._terminals:
            self._terminals[name] = Terminal(name, self._folder, self._environment, self._logs / f"{name}.log")
        return self._terminals[name]

    def _type(self, terminal: Terminal, step: Type) -> None:
        commands, expected = self._here(step.commands), [self._here(line) for line in step.output]
        again = all(_QUESTION.match(line) for line in commands.replace("\\\n", " ").splitlines() if line)
        end = time.monotonic() + SHOWS_S
        began = terminal.type(commands, step.ends)
        while True:
            if step.ends is not Ends.STAYS:
                terminal.wait()
            over = terminal.ended  # before its output is read, which then is all of it
            missing = list(not_shown(expected, terminal.shown(began)))
            terminal.check()
            if not missing:
                return
            assert again or not over, f"the page shows what the command does not: {missing}"
            assert time.monotonic() < end, f"not shown within {SHOWS_S} s: {missing}"
            time.sleep(0.5)
            if step.ends is not Ends.STAYS:
                began = terminal.type(commands, step.ends)

    def _here(self, text: str) -> str:
        """In one pass: what stands for one thing may look like another."""
        return self._said.sub(lambda said: self._replaced[said[0]], text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for terminal in self._terminals.values():
            terminal.close()


def not_shown(expected: list[str], output: str) -> Iterator[str]:
    """The expected lines that are not in the output; spaces count as one, `…` is anything within a line."""
    lines = [" ".join(line.split()) for line in output.splitlines()]
    for line in expected:
        pattern = re.compile(".*".join(re.escape(" ".join(part.split())) for part in line.split("…")))
        if not any(pattern.search(shown) for shown in lines):
            yield line
