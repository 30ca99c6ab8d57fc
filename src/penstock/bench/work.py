"""The two workloads, as state machines over connections. Standard library only."""

import re
import time
from array import array
from collections import deque
from collections.abc import Callable, Sequence

from penstock.bench.connection import Connection, post_head, request

FETCH_TASKS = 50
LONG_POLL_MS = 10_000
LOCK_MS = 60_000
WORKERS_PER_TOPIC = 4
"""Each asks for tasks, completes all it got, and asks again. With three topics and 50 tasks at a time, all of 400 instances in
flight can be under way."""

OVERLOADED_PAUSE_S = 0.05
_TASK_ID = re.compile(rb'"id":"([^"]+)"')

START, FETCH, COMPLETE = 0, 1, 2
KINDS = ("start", "fetch", "complete")


class Counted:
    """What happened since the last `reset`. Latencies are seconds, per kind of request.

    `instances`: how many have ended. `units`: units of work that succeeded (starts and completes).
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.instances = 0
        self.units = 0
        self.requests = 0
        self.overloaded = 0
        self.errors = 0
        self.first_error = ""
        self.latencies = (array("d"), array("d"), array("d"))

    def error(self, status: int, body: bytes) -> None:
        """An answer that should not be."""
        self.errors += 1
        if not self.first_error:
            self.first_error = f"{status} {body[:500].decode('utf-8', 'replace')}"


class Later:
    """Things to do at a moment: a refused request is sent again after a pause."""

    def __init__(self) -> None:
        self._due: deque[tuple[float, Callable[[], None]]] = deque()

    def after_pause(self, action: Callable[[], None]) -> None:
        self._due.append((time.monotonic() + OVERLOADED_PAUSE_S, action))

    def run(self) -> None:
        """Does what is due."""
        now_s = time.monotonic()
        while self._due and self._due[0][0] <= now_s:
            self._due.popleft()[1]()


class W1:
    """Every connection starts an instance, waits for the answer, starts the next."""

    def __init__(self, host: str, port: int, path: str, connections: Sequence[Connection]) -> None:
        self.counted = Counted()
        self.later = Later()
        self._connections = connections
        self._request = request(host, port, path, b'{"variables":{}}')
        self._stopped = False
        self.waiting = 0

    def begin(self) -> None:
        for connection in self._connections:
            self._send(connection)

    def stop(self) -> None:
        """Starts nothing more; `waiting` falls to 0 as answers come."""
        self._stopped = True

    def _send(self, connection: Connection) -> None:
        if not self._stopped:
            self.waiting += 1
            connection.send(self._request, self._answered)

    def _answered(self, connection: Connection, status: int, body: bytes) -> None:
        self.waiting -= 1
        counted = self.counted
        counted.requests += 1
        if status == 200:
            counted.instances += 1
            counted.units += 1
            counted.latencies[START].append(time.monotonic() - connection.sent_s)
        elif status == 503:
            counted.overloaded += 1
            self.later.after_pause(lambda: self._send(connection))
            return
        else:
            counted.error(status, body)
        self._send(connection)


class W2:
    """Keeps `in_flight` instances running; workers of three topics fetch and complete their tasks.

    Each worker has a connection for its long polls; starts and completes share the others.
    """

    def __init__(
        self,
        host: str,
        port: int,
        path: str,
        connections: Sequence[Connection],
        topics: Sequence[str],
        in_flight: int,
    ) -> None:
        self.counted = Counted()
        self.later = Later()
        self._in_flight = in_flight
        self._stopped = False
        self.waiting = 0
        """Starts and completes under way (long polls do not count)."""
        variables = (
            b'{"variables":{"order":{"value":"A-4711","type":"String"},"amount":{"value":129,"type":"Integer"}}}'
        )
        self._start = request(host, port, path, variables)
        self._queue: deque[tuple[bytes, int, _Worker | None]] = deque()
        workers = [
            _Worker(host, port, topic, number, last=topic == topics[-1])
            for topic in topics
            for number in range(WORKERS_PER_TOPIC)
        ]
        if len(connections) <= len(workers):
            raise ValueError(f"W2 needs more than {len(workers)} connections")
        self._workers = list(zip(workers, connections, strict=False))
        self._free = deque(connections[len(workers) :])
        self._task_of: dict[Connection, tuple[bytes, int, _Worker | None]] = {}

    def begin(self) -> None:
        for _ in range(self._in_flight):
            self._queue.append((self._start, START, None))
        for worker, connection in self._workers:
            self._fetch(worker, connection)
        self._pump()

    def stop(self) -> None:
        """Starts and fetches nothing more; what was fetched is still completed."""
        self._stopped = True
        self._queue = deque(item for item in self._queue if item[1] != START)

    def _fetch(self, worker: "_Worker", connection: Connection) -> None:
        if self._stopped:
            return

        def answered(connection: Connection, status: int, body: bytes) -> None:
            self._fetched(worker, connection, status, body)

        connection.send(worker.fetch, answered)

    def _fetched(self, worker: "_Worker", connection: Connection, status: int, body: bytes) -> None:
        counted = self.counted
        counted.requests += 1
        if status == 200:
            counted.latencies[FETCH].append(time.monotonic() - connection.sent_s)
        elif status == 503:
            counted.overloaded += 1
            self.later.after_pause(lambda: self._fetch(worker, connection))
            return
        else:
            counted.error(status, body)
        tasks = _TASK_ID.findall(body) if status == 200 else []
        if not tasks:
            self._fetch(worker, connection)
            return
        worker.left = len(tasks)
        worker.connection = connection
        for task in tasks:
            self._queue.append((worker.complete_head + task + worker.complete_tail, COMPLETE, worker))
        self._pump()

    def _pump(self) -> None:
        queue, free = self._queue, self._free
        while queue and free:
            item = queue.popleft()
            connection = free.popleft()
            self._task_of[connection] = item
            self.waiting += 1
            connection.send(item[0], self._answered)

    def _answered(self, connection: Connection, status: int, body: bytes) -> None:
        self.waiting -= 1
        item = self._task_of.pop(connection)
        _, kind, worker = item
        self._free.append(connection)
        counted = self.counted
        counted.requests += 1
        if status == 503:
            counted.overloaded += 1
            self.later.after_pause(lambda: self._again(item))
            return
        if status in (200, 204):
            counted.units += 1
            counted.latencies[kind].append(time.monotonic() - connection.sent_s)
        else:
            counted.error(status, body)
        if worker is not None:
            if worker.last:
                if status == 204:
                    counted.instances += 1
                if not self._stopped:
                    self._queue.append((self._start, START, None))
            worker.left -= 1
            if not worker.left and worker.connection is not None:
                self._fetch(worker, worker.connection)
        self._pump()

    def _again(self, item: "tuple[bytes, int, _Worker | None]") -> None:
        if not (self._stopped and item[1] == START):
            self._queue.appendleft(item)
            self._pump()


class _Worker:
    """A worker of one topic, with its requests ready made. `left`: tasks that it has still to complete."""

    __slots__ = ("complete_head", "complete_tail", "connection", "fetch", "last", "left")

    def __init__(self, host: str, port: int, topic: str, number: int, *, last: bool) -> None:
        name = f"{topic}-{number}"
        fetch = (
            f'{{"workerId":"{name}","maxTasks":{FETCH_TASKS},"usePriority":true,"asyncResponseTimeout":{LONG_POLL_MS},'
            f'"topics":[{{"topicName":"{topic}","lockDuration":{LOCK_MS}}}]}}'
        ).encode()
        self.fetch = request(host, port, "/engine-rest/external-task/fetchAndLock", fetch)
        body = f'{{"workerId":"{name}","variables":{{"{topic}":{{"value":"done","type":"String"}}}}}}'.encode()
        self.complete_head = b"POST /engine-rest/external-task/"
        head = post_head(host, port, "", len(body)).removeprefix(b"POST  ")
        self.complete_tail = b"/complete " + head + body
        self.last = last
        self.left = 0
        self.connection: Connection | None = None
