"""Several nodes on one port: child processes that share it (SO_REUSEPORT), and the parent that keeps them running.

A child gets its settings on standard input and says `ready` on standard output. The parent keeps the other end of
standard input: when it closes, because the parent is gone, the child drains and ends.
"""

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import msgspec
import structlog

from penstock.cli.fail import FAILED
from penstock.cli.serve import DRAIN_S, CannotServe, listen, run
from penstock.cli.settings import ServerSettings

START_S = 60
"""How long a child may take until it is ready."""

RESTART_S = 1.0
"""Pause before a child that has died is started again."""

_log = structlog.get_logger("penstock.processes")


class Child:
    """One process, from its start to its end."""

    def __init__(self, settings: ServerSettings) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "penstock.cli.processes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Signals from the terminal reach the parent, which passes them on once.
            start_new_session=True,
        )
        self.ready = False
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(msgspec.json.encode(settings) + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            # It died at once; its exit code says so.
            return

    def close(self) -> None:
        """Lets go of the pipes of a child that has ended."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue


class Supervisor:
    """Starts `settings.processes` children, starts again those that die, and ends them all when it is told to."""

    def __init__(self, settings: ServerSettings, ready: Callable[[], None]) -> None:
        self._settings = settings
        self._ready = ready
        self._children: list[Child] = []
        self._stopping = False
        self._announced = False

    def run(self) -> None:
        """Returns when all children have ended after SIGTERM or SIGINT. Raises CannotServe when one cannot start."""
        read, write = os.pipe()
        os.set_blocking(write, False)
        before = signal.set_wakeup_fd(write)
        handlers = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        handlers[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._reload)
        try:
            self._children = [Child(self._settings_of(at)) for at in range(self._settings.processes)]
            self._watch(read)
        finally:
            self._end_all()
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(read)
            os.close(write)

    def _settings_of(self, at: int) -> ServerSettings:
        """The first child also has the process that projects; one is enough for all."""
        if at == 0:
            return self._settings
        node = msgspec.structs.replace(self._settings.node, projector_process=False)
        first = self._settings.metrics_port
        return msgspec.structs.replace(
            self._settings, node=node, metrics_port=first + at if first is not None else None
        )

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _watch(self, wakeup: int) -> None:
        deadline_s = time.monotonic() + START_S
        while not self._stopping:
            with selectors.DefaultSelector() as selector:
                selector.register(wakeup, selectors.EVENT_READ)
                for child in self._children:
                    if not child.ready and child.process.stdout is not None:
                        selector.register(child.process.stdout, selectors.EVENT_READ, child)
                for key, _ in selector.select(1.0):
                    if key.data is None:
                        os.read(wakeup, 4_096)
                    else:
                        key.data.ready = bool(key.data.process.stdout.read1(64))
            self._replace_dead()
            if not self._announced:
                if all(child.ready for child in self._children):
                    self._announced = True
                    self._ready()
                elif time.monotonic() > deadline_s:
                    raise CannotServe(f"not every process was ready within {START_S} s")

    def _replace_dead(self) -> None:
        for at, child in enumerate(self._children):
            code = child.process.poll()
            if code is None or self._stopping:
                continue
            child.close()
            if not self._announced:
                # It has said why on standard error.
                raise CannotServe("a process could not start")
            _log.error("a process has died and is started again", pid=child.process.pid, exit_code=code)
            time.sleep(RESTART_S)
            if not self._stopping:
                self._children[at] = Child(self._settings_of(at))

    def _reload(self, *_: object) -> None:
        """The configuration is to be read again."""
        for child in self._children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGHUP)

    def _end_all(self) -> None:
        for child in self._children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline_s = time.monotonic() + DRAIN_S + 10
        for child in self._children:
            try:
                child.process.wait(max(0.1, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.error("a process does not end and is killed", pid=child.process.pid)
                child.process.kill()
                child.process.wait()
            child.close()


def _child() -> None:
    """What a child process runs."""
    from penstock.cli import logs

    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=ServerSettings)
    logs.configure(settings.log_format, settings.log_level)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    async def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    try:
        run(settings, listen(settings.host, settings.port, shared=True), ready)
    except CannotServe as error:
        sys.stderr.write(f"penstock: {error}\n")
        sys.exit(FAILED)


def _end_with_parent() -> None:
    # Raw: the main thread may end the interpreter while this one reads.
    while os.read(0, 4_096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _child()
