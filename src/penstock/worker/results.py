"""`ProcessTaskResults`: what the steps of a process have found out, a list that only grows, also when parallel branches
append to it at the same moment.

A server that understands it (Penstock says so with every fetched task) is told what to append, and does it in the unit
that completes the task. Elsewhere (Camunda 7) nobody can append to a variable: two workers that read, append and write
overwrite each other. There each task writes a variable of its own, `<name>.<task id>`, which no other task writes, and
whoever reads the results gathers them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

RESULTS = "ProcessTaskResults"
"""Name of the variable, unless the worker says otherwise."""


class TaskResult(msgspec.Struct, kw_only=True, rename="camel", frozen=True):
    """What one task has found out. What a handler leaves out is filled in: the moments at which it began and ended, and
    the id of the activity."""

    data: Any = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    task_id: str | None = None


class ProcessTaskResults(msgspec.Struct, kw_only=True, rename="camel", frozen=True):
    """All results of a process. `correlation_id` is its business key (or id), unless whoever began the list chose
    another."""

    correlation_id: str | int | float | None = None
    process_metadata: dict[str, Any] | None = None
    task_results: tuple[TaskResult, ...] = ()

    def of(self, task_id: str) -> list[TaskResult]:
        """The results of one activity, oldest first."""
        return [result for result in self.task_results if result.task_id == task_id]


def gather(name: str, variables: Mapping[str, Any]) -> ProcessTaskResults:
    """The results in the variable `name` and in those of single tasks. Raises msgspec.ValidationError for another shape.

    What single tasks wrote comes behind, in the order in which the tasks ended."""
    document = variables.get(name)
    whole = _read(document) if document is not None else None
    pieces = [_read(value) for key, value in variables.items() if key.startswith(f"{name}.") and value is not None]
    first = whole or (pieces[0] if pieces else ProcessTaskResults())
    if not pieces:
        return first
    added = sorted(_entries(pieces), key=_ended)
    return msgspec.structs.replace(first, task_results=(*(whole.task_results if whole else ()), *added))


def _read(value: Any) -> ProcessTaskResults:
    return msgspec.convert(value, ProcessTaskResults, strict=False)


def _entries(pieces: Iterable[ProcessTaskResults]) -> Iterable[TaskResult]:
    return (result for piece in pieces for result in piece.task_results)


def _ended(result: TaskResult) -> float:
    return result.end_time.timestamp() if result.end_time is not None else 0.0
