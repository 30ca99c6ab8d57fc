"""The child process: evaluates one script after the other, each in a JavaScript runtime of its own.

Started as a file, not as a module, with `python -I -S`: it sees the standard library and the JavaScript engine only.
Frames on stdin and stdout: 4 bytes length, big endian, of what follows; 1 byte kind; the rest.

| kind | direction | rest |
|---|---|---|
| R | in  | 4 bytes length of the source, the source, then JSON: `{"values": {name: value}, "lazy": [name], "value": bool}` |
| A | in  | JSON: the answer to the last question |
| H | out | nothing: ready |
| Q | out | JSON: a question of the script |
| V | out | JSON: `{"value": …}`, `{"bpmn": [code, message]}` or `{"error": text, "stack": text}`, and `log` |
| L | out | the limit that the script ran into: `memory`, `recursion` or `message` |
| X | out | text of an error outside the script |

Time is watched by the parent, because the engine cannot have a time limit and call back at once; the alarm below is
for a parent that has died meanwhile. Values pass through as text: only JavaScript and the parent look into them.
"""

import contextlib
import importlib
import os
import pathlib
import signal
import struct
import sys
from typing import Any

STACK_BYTES = 512 * 1024
EXTRA_BYTES = 512 * 1024 * 1024
"""Address space of Python and of texts on their way, beyond the script's own limit."""
DEPTH_MAX = 200
LINES_MAX = 100
LINE_MAX = 1000
PRELUDE_FROM_LINE = 5000
"""The lines of our own scripts begin here, so that the parent can tell its stack frames from the script's."""


def read_exactly(count: int) -> bytes:
    """`count` bytes from the parent. The process ends when the parent has gone."""
    parts = []
    while count:
        part = os.read(0, min(count, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_frame() -> tuple[bytes, bytes]:
    (length,) = struct.unpack(">I", read_exactly(4))
    frame = read_exactly(length)
    return frame[:1], frame[1:]


def write_frame(kind: bytes, rest: bytes = b"") -> None:
    data = struct.pack(">I", len(rest) + 1) + kind + rest
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        os._exit(0)


def read_script(name: str) -> str:
    """One of our own scripts, in lines that no other script has."""
    text = (pathlib.Path(__file__).parent / name).read_text(encoding="utf-8")
    return "\n" * PRELUDE_FROM_LINE + text


class Sandbox:
    """One fresh JavaScript runtime: used for one script, then dropped with everything in it."""

    def __init__(self, engine: Any, prelude: str, spin: str, memory_bytes: int, message_bytes: int) -> None:
        self.engine, self.memory_bytes, self.message_bytes = engine, memory_bytes, message_bytes
        self.context = engine.Context()
        self.context.set_memory_limit(memory_bytes)
        self.context.set_max_stack_size(STACK_BYTES)
        self.context.add_callable("__ask", self.ask)
        make = self.context.eval(prelude)
        prepare = self.context.eval("(make, ask, ...rest) => { delete globalThis.__ask; return make(ask, ...rest) }")
        self.evaluate = prepare(make, self.context.get("__ask"), spin, DEPTH_MAX, LINES_MAX, LINE_MAX)

    def ask(self, question: str) -> str:
        """Called by JavaScript; must not raise."""
        data = question.encode()
        if len(data) > self.message_bytes:
            return f'{{"error":"a value is larger than the limit of {self.message_bytes} bytes"}}'
        write_frame(b"Q", data)
        _, answer = read_frame()
        return answer.decode()

    def run(self, source: str, names: str) -> tuple[bytes, bytes]:
        """The frame that answers a script."""
        try:
            text = self.evaluate(source, names)
        except self.engine.StackOverflow:
            return b"L", b"recursion"
        except self.engine.JSException as error:
            if self.starved() or "out of memory" in str(error) or str(error).startswith("null"):
                return b"L", b"memory"
            return b"X", str(error).encode(errors="replace")
        if text.startswith('{"error":'):
            if text.startswith('{"error":"RangeError: Maximum call stack size exceeded"'):
                return b"L", b"recursion"
            if text.startswith('{"error":"InternalError: out of memory"') or self.starved():
                return b"L", b"memory"
        data = text.encode()
        return (b"V", data) if len(data) <= self.message_bytes else (b"L", b"message")

    def starved(self) -> bool:
        """Whether the runtime's memory is all but used up; then even making an error may have failed."""
        return bool(self.context.memory()["malloc_size"] > 0.8 * self.memory_bytes)


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
    engine = importlib.import_module("_quickjs")

    prelude, spin = read_script("prelude.js"), read_script("spin.js")
    confine(memory_bytes)
    write_frame(b"H")
    while True:
        sandbox = Sandbox(engine, prelude, spin, memory_bytes, message_bytes)
        _, frame = read_frame()
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, time_limit_ms / 1000 + 2)
        (length,) = struct.unpack(">I", frame[:4])
        answer = sandbox.run(frame[4 : 4 + length].decode(), frame[4 + length :].decode())
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        write_frame(*answer)
        del sandbox


if __name__ == "__main__":
    main()
