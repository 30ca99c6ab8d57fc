"""The child process: evaluates one script after the other, each in a JavaScript runtime of its own.

Runtimes are made ready while the parent has nothing for us, `READY_MAX` of them. They hold `prelude.js` only; the other
parts are compiled when a script first touches them, and from then on ahead of time too: the next scripts of this
process will want them as well. No runtime ever sees a second script.

Started as a file, not as a module, with `python -I -S`: it sees the standard library and the JavaScript engine only.
Frames on stdin and stdout: 4 bytes length, big endian, of what follows; 1 byte kind; the rest.

| kind | direction | rest |
|---|---|---|
| R | in  | 4 bytes length of the source, the source, then JSON, see below |
| A | in  | JSON: the answer to the last question |
| H | out | nothing: ready |
| W | out | JSON: `[object, method, [name, value]]`, a write of a plain value, which needs no answer |
| Q | out | JSON: a question of the script |
| V | out | JSON: `{"value": …}`, `{"bpmn": [code, message]}` or `{"error": text, "stack": text}`, and `log` |
| L | out | the limit that the script ran into: `memory`, `recursion` or `message` |
| X | out | text of an error outside the script |

A script comes with `values` {variable: value} that it may read without asking, `hosts` {variable: object} or null, `lazy`
[variable] to ask for or null, `got` {object: {variable: value}} which `getVariable` of an object answers, `parts` [part] that
hold names in its text, `value`: whether anybody wants its value.

Time is watched by the parent, because the engine cannot have a time limit and call back at once; the alarm below is
for a parent that has died meanwhile. Values pass through as text: only JavaScript and the parent look into them.
"""

import contextlib
import importlib
import itertools
import os
import pathlib
import re
import select
import signal
import struct
import sys
from typing import Any

STACK_BYTES = 512 * 1024
EXTRA_BYTES = 512 * 1024 * 1024
"""Address space of Python and of texts on their way, beyond the script's own limit."""
READY_MAX = 8
FORGET_AFTER = 256
"""Scripts until it must show again which parts scripts want."""
READ_BYTES = 1 << 16
WRITE_BYTES = 1 << 16
OWN_FROM_LINE = 2000
"""The lines of our own scripts begin here, so that the parent can tell its stack frames from the script's."""
CONSTANTS = {"DEPTH_MAX": 200, "LINES_MAX": 100, "LINE_MAX": 1000, "PLAIN_CHARACTERS": 4096}
PARTS = ("questions", "objects", "values", "collections", "failure", "print", "java", "spin", "spinmore")
"""Every part; one that uses another when it is compiled comes after it."""


class Pipe:
    """The parent: frames in and out, in as few system calls as they fit in."""

    def __init__(self) -> None:
        self._in = b""
        self._out = bytearray()
        self._poll = None
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(0, select.POLLIN | select.POLLHUP)

    def waits(self) -> bool:
        """Whether the parent has sent something, or gone. Where the system cannot tell: yes."""
        return self._poll is None or bool(self._in) or bool(self._poll.poll(0))

    def read(self) -> tuple[bytes, bytes]:
        """Kind and rest of the next frame. The process ends when the parent has gone."""
        while len(self._in) < 4:
            self._in += self._more(READ_BYTES)
        end = 4 + int.from_bytes(self._in[:4], "big")
        if len(self._in) < end:
            parts, missing = [self._in], end - len(self._in)
            while missing > 0:
                parts.append(self._more(max(READ_BYTES, min(missing, 1 << 20))))
                missing -= len(parts[-1])
            self._in = b"".join(parts)
        kind, rest, self._in = self._in[4:5], self._in[5:end], self._in[end:]
        return kind, rest

    def _more(self, count: int) -> bytes:
        data = os.read(0, count)
        if not data:
            os._exit(0)
        return data

    def put(self, kind: bytes, rest: bytes = b"") -> None:
        """Keeps a frame until the next `send`, or until there is much of it."""
        self._out += struct.pack(">I", len(rest) + 1) + kind + rest
        if len(self._out) > WRITE_BYTES:
            self._flush()

    def send(self, kind: bytes, rest: bytes = b"") -> None:
        self.put(kind, rest)
        self._flush()

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: os.write(1, self._out)]
        except BrokenPipeError:
            os._exit(0)


def read_part(name: str) -> str:
    """One of our own scripts, in lines that no other script has, without what need not be compiled."""
    text = (pathlib.Path(__file__).parent / f"{name}.js").read_text(encoding="utf-8")
    for constant, value in CONSTANTS.items():
        text = text.replace(f"${constant}", str(value))
    return "\n" * OWN_FROM_LINE + re.sub(r"(?m)^\s*(?://.*)?\n?", "", text)


class Engine:
    """What all sandboxes of the process share: the module, our scripts, the limits."""

    def __init__(self, module: Any, pipe: Pipe, memory_bytes: int, message_bytes: int) -> None:
        self.module, self.pipe = module, pipe
        self.memory_bytes, self.message_bytes = memory_bytes, message_bytes
        self.prelude = read_part("prelude")
        self.parts = {name: read_part(name) for name in PARTS}
        self.wanted: tuple[str, ...] = ()

    # -- called by JavaScript; must not raise

    def ask(self, question: str) -> str:
        data = question.encode()
        if len(data) > self.message_bytes:
            return f'{{"error":"a value is larger than the limit of {self.message_bytes} bytes"}}'
        self.pipe.send(b"Q", data)
        _, answer = self.pipe.read()
        return answer.decode()

    def tell(self, write: str) -> None:
        self.pipe.put(b"W", write.encode())

    def load(self, name: str) -> str:
        if name not in self.wanted:
            self.wanted = tuple(part for part in PARTS if part == name or part in self.wanted)
        return self.parts[name]


class Sandbox:
    """One fresh JavaScript runtime: used for one script, then dropped with everything in it."""

    def __init__(self, engine: Engine) -> None:
        # The runtime must not lead back to this object, or it would wait for Python's garbage collection.
        self.engine = engine
        self.context = engine.module.Context()
        self.context.set_memory_limit(engine.memory_bytes)
        self.context.set_max_stack_size(STACK_BYTES)
        for name, function in (("__ask", engine.ask), ("__tell", engine.tell), ("__load", engine.load)):
            self.context.add_callable(name, function)
        self.evaluate = self.context.eval(engine.prelude)
        self.compiled: set[str] = set()

    def prepare(self) -> bool:
        """Compiles one of the parts that scripts have wanted; whether there was one."""
        for part in self.engine.wanted:
            if part not in self.compiled:
                self.evaluate(None, part)
                self.compiled.add(part)
                return True
        return False

    def run(self, source: str, names: str) -> tuple[bytes, bytes]:
        """The frame that answers a script."""
        try:
            text = self.evaluate(source, names)
        except self.engine.module.StackOverflow:
            return b"L", b"recursion"
        except self.engine.module.JSException as error:
            if self.starved() or "out of memory" in str(error) or str(error).startswith("null"):
                return b"L", b"memory"
            return b"X", str(error).encode(errors="replace")
        if text.startswith('{"error":'):
            if text.startswith('{"error":"RangeError: Maximum call stack size exceeded"'):
                return b"L", b"recursion"
            if text.startswith('{"error":"InternalError: out of memory"') or self.starved():
                return b"L", b"memory"
        data = text.encode()
        return (b"V", data) if len(data) <= self.engine.message_bytes else (b"L", b"message")

    def starved(self) -> bool:
        """Whether the runtime's memory is all but used up; then even making an error may have failed."""
        return bool(self.context.memory()["malloc_size"] > 0.8 * self.engine.memory_bytes)


def confine(memory_bytes: int) -> None:
    """No files, no core dumps, bounded memory, as far as the system has such limits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        import resource
    except ImportError:
        return
    wanted = {"RLIMIT_AS": memory_bytes + EXTRA_BYTES, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": 3}
    for name, limit in wanted.items():
        # A second fence only: the engine has its own memory limit and no access to files. Some systems refuse it.
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (limit, limit))


def main() -> None:
    library, memory_bytes, message_bytes, time_limit_ms = sys.argv[1], *(int(text) for text in sys.argv[2:5])
    sys.path.append(library)
    pipe = Pipe()
    engine = Engine(importlib.import_module("_quickjs"), pipe, memory_bytes, message_bytes)
    confine(memory_bytes)
    pipe.send(b"H")
    ready: list[Sandbox] = []
    for number in itertools.count(1):
        if number % FORGET_AFTER == 0:
            engine.wanted = ()
        if not ready:
            ready.append(Sandbox(engine))
        while not pipe.waits() and prepare(ready, engine):
            pass
        _, frame = pipe.read()
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, time_limit_ms / 1000 + 2)
        (length,) = struct.unpack(">I", frame[:4])
        sandbox = ready.pop(0)
        answer = sandbox.run(frame[4 : 4 + length].decode(), frame[4 + length :].decode())
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        pipe.send(*answer)
        del sandbox


def prepare(ready: list[Sandbox], engine: Engine) -> bool:
    """One step, well below a millisecond: a part for the next script, or one more runtime; whether there was one."""
    if any(sandbox.prepare() for sandbox in ready):
        return True
    if len(ready) == READY_MAX:
        return False
    ready.append(Sandbox(engine))
    return True


if __name__ == "__main__":
    main()
