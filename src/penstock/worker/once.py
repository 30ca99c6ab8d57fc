"""Work in the service's own database, done once however often its task is tried.

A worker may die after its transaction and before the engine has heard of it; then somebody gets the task again. So the
outcome is written down in the same transaction as the work, and who gets the task again reports what is written there:

    with database() as connection:
        return once(connection, task, lambda: reserve(connection, order))

The transaction is the caller's: it begins and commits it. Of two who do the same task at the same moment one fails on the
primary key, is rolled back, and finds the outcome of the other when it tries again.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from penstock.worker import values
from penstock.worker.handlers import Completed
from penstock.worker.results import TaskResult
from penstock.worker.task import ExternalTask
from penstock.worker.values import Typed, WireValue

TABLE = "penstock_outcome"
"""One row for each task that was done. A row is not needed any more when the task's process instance has ended."""

DDL = f"CREATE TABLE IF NOT EXISTS {TABLE} (task_id VARCHAR(64) PRIMARY KEY, outcome TEXT NOT NULL)"


class Cursor(Protocol):
    """A cursor as Python's database drivers have it (PEP 249)."""

    def execute(self, operation: str, parameters: Sequence[Any] = ..., /) -> Any: ...

    def fetchone(self) -> Any: ...

    def close(self) -> None: ...


class Connection(Protocol):
    """A connection likewise."""

    def cursor(self) -> Any: ...


class _Outcome(msgspec.Struct):
    """What is written down: variables in their form on the wire."""

    variables: dict[str, WireValue]
    local_variables: dict[str, WireValue]
    result: TaskResult | None = None


def once(connection: Connection, task: ExternalTask, work: Callable[[], Any], *, placeholder: str = "?") -> Completed:
    """What `work` gives, or has given when this task was done before; `work` is not called then.

    `placeholder`: the driver's, "?" for sqlite3, "%s" for psycopg. The table is `DDL`. What `work` raises leaves nothing
    behind, if the caller rolls back. Raises InvalidVariable, TypeError for what is no outcome, and what the driver raises.
    """
    cursor: Cursor = connection.cursor()
    try:
        cursor.execute(f"SELECT outcome FROM {TABLE} WHERE task_id = {placeholder}", (task.id,))
        row = cursor.fetchone()
        if row is not None:
            return _completed(msgspec.json.decode(row[0], type=_Outcome))
        outcome = _outcome(work())
        text = msgspec.json.encode(outcome).decode()
        insert = f"INSERT INTO {TABLE} (task_id, outcome) VALUES ({placeholder}, {placeholder})"
        cursor.execute(insert, (task.id, text))
        return _completed(outcome)
    finally:
        cursor.close()


def _outcome(given: Any) -> _Outcome:
    if isinstance(given, TaskResult):
        given = Completed(result=given)
    elif not isinstance(given, Completed):
        given = Completed(variables=given)
    return _Outcome(_wire(given.variables), _wire(given.local_variables), given.result)


def _wire(variables: Any) -> dict[str, WireValue]:
    return {name: msgspec.convert(value, WireValue) for name, value in values.write_all(variables).items()}


def _completed(outcome: _Outcome) -> Completed:
    return Completed(
        variables=_typed(outcome.variables), local_variables=_typed(outcome.local_variables), result=outcome.result
    )


def _typed(variables: dict[str, WireValue]) -> dict[str, Typed]:
    # The wire's own form goes through `Typed` as it is.
    return {name: Typed(value.type, value.value, value.valueInfo) for name, value in variables.items()}
