"""The calls that only workers make (Camunda 7 `/external-task/{id}/…`)."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

import msgspec

from penstock.worker.backoff import Backoff
from penstock.worker.calls import segment
from penstock.worker.errors import ConnectionLost, RestError
from penstock.worker.http.wire import Ask
from penstock.worker.logic import OVERLOADED, UNCLEAR, Logic, Patience, Pause, retry_after_ms, succeeded

LIST_ROWS = 500
CONFLICTS_MAX = 20
"""How often a report is repeated that lost against another transaction (Camunda's optimistic locking)."""

_REPORT_BACKOFF = Backoff(first_ms=50, most_ms=5_000)
_PATIENCE = Patience(attempts=6)


class Told(Enum):
    """What became of a report."""

    DONE = auto()
    GONE = auto()
    """There is no such task (any more): its process has gone on without it."""


def _path(task: str, what: str) -> str:
    return f"/external-task/{segment(task)}/{what}"


def complete(task: str, worker: str, variables: Mapping[str, Any], local_variables: Mapping[str, Any]) -> Ask:
    """The task is done. Variables: on the wire's form."""
    body: dict[str, Any] = {"workerId": worker}
    if variables:
        body["variables"] = variables
    if local_variables:
        body["localVariables"] = local_variables
    return Ask("POST", _path(task, "complete"), msgspec.json.encode(body))


def failure(task: str, worker: str, message: str, details: str, retries: int, retry_timeout_ms: int) -> Ask:
    """The task could not be done."""
    body = {
        "workerId": worker,
        "errorMessage": message,
        "errorDetails": details,
        "retries": retries,
        "retryTimeout": retry_timeout_ms,
    }
    return Ask("POST", _path(task, "failure"), msgspec.json.encode(body))


def bpmn_error(task: str, worker: str, code: str, message: str | None, variables: Mapping[str, Any]) -> Ask:
    """The task ends with a BPMN error."""
    body = {"workerId": worker, "errorCode": code, "errorMessage": message, "variables": variables}
    return Ask("POST", _path(task, "bpmnError"), msgspec.json.encode(body))


def tell(ask: Ask, conflicts_max: int) -> Logic[Told]:
    """Reports until the server has taken it. Raises RestError when it refuses: a worker that has lost its lock is told so
    by that, and not by what it thinks of its lock, because a lock that has ended and that nobody took still counts.

    A report whose answer was lost is sent again; if there is no such task then, the first one had arrived.
    """
    attempt = conflicts = 0
    unclear = False
    while True:
        attempt += 1
        try:
            answer = yield ask
        except ConnectionLost as lost:
            unclear = unclear or lost.sent
            yield Pause(_REPORT_BACKOFF.wait_ms(attempt))
            continue
        if answer.ok:
            return Told.DONE
        if answer.status == 404:
            return Told.DONE if unclear else Told.GONE
        if answer.status in OVERLOADED or answer.status in UNCLEAR:
            unclear = unclear or answer.status in UNCLEAR
            yield Pause(retry_after_ms(answer) or _REPORT_BACKOFF.wait_ms(attempt))
            continue
        refused = RestError.of(f"{ask.method} {ask.path}", answer.status, answer.body)
        conflicts += 1
        if not refused.is_conflict or conflicts > conflicts_max:
            raise refused
        yield Pause(_REPORT_BACKOFF.wait_ms(min(conflicts, 5)))


def extend_lock(task: str, worker: str, duration_ms: int) -> Logic[None]:
    """The lock ends `duration_ms` from now. RestError: it is not this worker's."""
    body = msgspec.json.encode({"workerId": worker, "newDuration": duration_ms})
    yield from succeeded(
        Ask("POST", _path(task, "extendLock"), body, repeatable=True, timeout_s=10), Patience(attempts=2)
    )


def unlock(task: str) -> Logic[None]:
    """The task is anybody's again. A task that is gone needs no unlocking."""
    try:
        yield from succeeded(Ask("POST", _path(task, "unlock"), repeatable=True, timeout_s=10), _PATIENCE)
    except RestError as error:
        if error.status != 404:
            raise


class _Id(msgspec.Struct):
    id: str


def locked_by(worker: str) -> Logic[list[str]]:
    """Ids of the tasks that this worker has locked now."""
    found: list[str] = []
    while True:
        path = f"/external-task?workerId={segment(worker)}&locked=true&sortBy=id&sortOrder=asc"
        ask = Ask("GET", f"{path}&firstResult={len(found)}&maxResults={LIST_ROWS}", repeatable=True, timeout_s=15)
        answer = yield from succeeded(ask, _PATIENCE)
        rows = msgspec.json.decode(answer.body, type=list[_Id])
        found += [row.id for row in rows]
        if len(rows) < LIST_ROWS:
            return found
