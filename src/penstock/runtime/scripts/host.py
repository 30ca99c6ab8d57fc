"""Runs scripts in child processes that are killed when they overstep their limits."""

import asyncio
import collections
import importlib.util
import pathlib
import re
import struct
import sys
from typing import Any, cast

import msgspec

from penstock.base.errors import ScriptFailed
from penstock.expr.script import Script, ScriptResult, ScriptScope, is_javascript
from penstock.runtime.scripts.child import OWN_FROM_LINE
from penstock.runtime.scripts.session import Refused, Session

START_TIMEOUT_S = 30.0
_CHILD = pathlib.Path(__file__).with_name("child.py")
_FRAME = re.compile(r"(?:at |\()<input>:(\d+):(\d+)")
_STDERR_MAX_BYTES = 4096


class ScriptHost:
    """Evaluates JavaScript, each script in a fresh global scope, at most `processes` at a time.

    `time_limit_ms`: wall-clock time of one script, its questions included. `memory_limit_bytes`: what its JavaScript may
    hold. `message_limit_bytes`: the longest value or text that may leave it. A script that oversteps fails; one that
    does not stop by itself has its process killed and replaced, and scripts in other processes go on.
    Belongs to one event loop. Processes start when they are first needed.
    """

    def __init__(
        self,
        *,
        processes: int = 1,
        time_limit_ms: int = 5000,
        memory_limit_bytes: int = 64 * 1024 * 1024,
        message_limit_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        self._time_limit_ms = time_limit_ms
        self._limits = {
            "time": f"the time limit of {time_limit_ms} ms",
            "memory": f"the memory limit of {memory_limit_bytes} bytes",
            "recursion": "the limit of recursion",
            "message": f"the limit of {message_limit_bytes} bytes for its result",
        }
        self._sizes = (memory_limit_bytes, message_limit_bytes)
        self._slots = asyncio.Semaphore(processes)
        self._idle: collections.deque[_Child] = collections.deque()  # in turn: each prepares while others run
        self._all: set[_Child] = set()
        self._closed = False

    async def start(self) -> None:
        """Starts one process now, so that the first script need not wait for it."""
        async with self._slots:
            self._idle.append(await self._take())

    async def close(self) -> None:
        """Kills every process; scripts that still run fail."""
        self._closed = True
        self._idle.clear()
        for child in list(self._all):
            await child.kill()
        self._all.clear()

    async def run(self, script: Script, names: ScriptScope) -> ScriptResult:
        """Evaluates `script`, which sees what `names` answers.

        Raises `ScriptFailed` for an error in the script or a limit. An error that `names` raises and that is not the
        engine's own (`PenstockError`) is raised here as it is.
        """
        if not is_javascript(script.language):
            raise ScriptFailed(f"Can't find scripting engine for '{script.language}'", element_id=script.element_id)
        session = Session(script, names)
        try:
            source = script.source.encode()
        except UnicodeEncodeError as error:
            raise _failed(script, f"the text of the script is no valid Unicode: {error.reason}") from error
        header = session.names()
        async with self._slots:
            child = await self._take()
            try:
                frame = struct.pack(">I", len(source)) + source + header
                kind, rest = await child.run(frame, session, self._time_limit_ms)
            except _Stopped as stopped:
                raise _failed(script, self._reason(str(stopped))) from None
            finally:
                await self._give_back(child)
        return self._result(script, session, kind, rest)

    async def _take(self) -> "_Child":
        while self._idle:
            child = self._idle.popleft()
            if child.is_alive:
                return child
            await self._drop(child)
        if self._closed:
            raise ScriptFailed("the script host is closed")
        child = _Child(self._sizes[1])
        self._all.add(child)
        try:
            await child.start(*self._sizes, self._time_limit_ms)
        except BaseException:
            await self._drop(child)
            raise
        return child

    async def _give_back(self, child: "_Child") -> None:
        if child.is_idle and not self._closed:
            self._idle.append(child)
        else:
            await self._drop(child)

    async def _drop(self, child: "_Child") -> None:
        self._all.discard(child)
        await child.kill()

    def _reason(self, limit: str) -> str:
        return f"the script exceeded {self._limits[limit]}" if limit in self._limits else limit

    def _result(self, script: Script, session: Session, kind: bytes, rest: bytes) -> ScriptResult:
        if kind != b"V":
            raise _failed(script, self._reason(rest.decode(errors="replace")))
        try:
            answer = msgspec.json.decode(rest)
            if "error" in answer:
                raise _failed(script, str(answer["error"]), *_position(script, answer["stack"]))
            code = answer.get("bpmn")
            return ScriptResult(
                value=None if code else session.border.decode(answer["value"]),
                writes=tuple(session.writes),
                bpmn_error=(code[0], code[1]) if code else None,
                log=tuple(answer.get("log", ())),
            )
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            raise _failed(script, f"the result cannot be used: {error}") from error


class _Stopped(Exception):
    """The child will not answer: the name of a limit, or a sentence."""


class _Child(asyncio.SubprocessProtocol):
    """One child process and the conversation with it: idle, or busy with exactly one script."""

    def __init__(self, message_limit_bytes: int) -> None:
        # A frame may be a little longer than the message in it.
        self._frame_limit_bytes = message_limit_bytes + 1024
        self._buffer = bytearray()
        self._stderr = bytearray()
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._done: asyncio.Future[tuple[bytes, bytes]] | None = None
        self._exited = asyncio.get_running_loop().create_future()
        self._session: Session | None = None
        self.is_alive = False

    @property
    def is_idle(self) -> bool:
        """Whether it lives and has nothing to do."""
        return self.is_alive and self._done is None

    async def start(self, memory_bytes: int, message_bytes: int, time_limit_ms: int) -> None:
        spec = importlib.util.find_spec("_quickjs")
        if spec is None or spec.origin is None:
            raise ScriptFailed("JavaScript needs the package quickjs-ng: install it beside penstock")
        library = str(pathlib.Path(spec.origin).parent)
        arguments = [library, *map(str, (memory_bytes, message_bytes, time_limit_ms))]
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        transport, _ = await loop.subprocess_exec(
            lambda: self, sys.executable, "-I", "-S", str(_CHILD), *arguments, env={}, cwd=_CHILD.anchor
        )
        self._transport = transport
        self._stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        self.is_alive = True
        try:
            await self._wait(START_TIMEOUT_S)
        except _Stopped as stopped:
            raise ScriptFailed(f"the process for scripts did not start: {stopped}") from None

    async def run(self, frame: bytes, session: Session, limit_ms: int) -> tuple[bytes, bytes]:
        """Sends a script and answers its questions until it ends: kind and rest of its last frame.

        Raises `_Stopped`, and what `session` raises; then the child must be killed.
        """
        if not self.is_idle:
            raise _Stopped("the process for scripts has ended")
        self._session = session
        self._done = asyncio.get_running_loop().create_future()
        self._send(b"R", frame)
        return await self._wait(limit_ms / 1000)

    async def _wait(self, limit_s: float) -> tuple[bytes, bytes]:
        done = self._done
        assert done is not None
        timer = asyncio.get_running_loop().call_later(limit_s, self._fail, _Stopped("time"))
        try:
            result = await done
        finally:
            timer.cancel()
            self._session = None
        self._done = None  # only now: after a failure or a cancellation it is not idle, and is killed
        return result

    async def kill(self) -> None:
        """Ends the process, whatever it does, and waits until the system has taken it back."""
        self._fail(_Stopped("the script host is closed"))
        self.is_alive = False
        if self._transport is not None:
            if self._transport.get_returncode() is None:
                self._transport.kill()
            await asyncio.shield(self._exited)
            self._transport.close()

    def _send(self, kind: bytes, rest: bytes) -> None:
        assert self._stdin is not None
        self._stdin.write(struct.pack(">I", len(rest) + 1) + kind + rest)

    def _fail(self, error: BaseException) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)

    # -- called by the event loop

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        received = cast(bytes, data)
        if fd == 2:
            self._stderr += received
            del self._stderr[:-_STDERR_MAX_BYTES]
            return
        self._buffer += received
        while len(self._buffer) >= 4:
            length = int.from_bytes(self._buffer[:4], "big")
            if not 1 <= length <= self._frame_limit_bytes:
                self._fail(_Stopped("message"))
                self._buffer.clear()
                return
            if len(self._buffer) < 4 + length:
                return
            kind, rest = bytes(self._buffer[4:5]), bytes(self._buffer[5 : 4 + length])
            del self._buffer[: 4 + length]
            self._frame(kind, rest)

    def _frame(self, kind: bytes, rest: bytes) -> None:
        if self._done is None or self._done.done():
            return
        session = self._session
        try:
            if kind == b"Q" and session is not None:
                self._send(b"A", session.answer(rest))
            elif kind == b"W" and session is not None:
                session.write(rest)
            else:
                self._done.set_result((kind, rest))
        except Refused as refused:
            self._fail(_Stopped(str(refused)))
        except Exception as error:  # handed to whoever awaits the script
            self._fail(error)

    def process_exited(self) -> None:
        self.is_alive = False
        if not self._exited.done():
            self._exited.set_result(None)
        text = self._stderr.decode(errors="replace").strip()
        code = self._transport.get_returncode() if self._transport else None
        self._fail(_Stopped(f"the process for scripts ended with code {code}" + (f": {text}" if text else "")))


def _position(script: Script, stack: str) -> tuple[int | None, int | None]:
    """Line and column of the innermost frame that is the script's own."""
    for line, column in _FRAME.findall(stack):
        if int(line) < OWN_FROM_LINE:
            return int(line), int(column)
    return None, None


def _failed(script: Script, cause: str, line: int | None = None, column: int | None = None) -> ScriptFailed:
    """Camunda 7's words."""
    where = f" while executing activity '{script.element_id}'" if script.element_id else ""
    place = f" in {script.resource or '<eval>'}"
    place += f" at line number {line} at column number {column}" if line is not None else ""
    ids: dict[str, Any] = {"resource": script.resource, "line": line, "column": column}
    return ScriptFailed(f"Unable to evaluate script{where}. Cause: {cause}{place}", element_id=script.element_id, **ids)
