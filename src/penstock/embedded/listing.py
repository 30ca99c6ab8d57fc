"""Lists: what may be asked, by Camunda's names in snake_case, and how it is asked."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from penstock.embedded import records
from penstock.worker.calls import PATIENCE
from penstock.worker.http.wire import Ask
from penstock.worker.logic import Logic, succeeded
from penstock.worker.records import Record
from penstock.worker.values import date_text, write

R = TypeVar("R", bound=Record)


class Listing(Generic[R]):
    """One list. `filters`: names of what may be asked, in camelCase, looked up when they are needed; `post`: whether the
    resource takes them in a body."""

    def __init__(self, path: str, kind: type[R], filters: Callable[[], frozenset[str]], *, post: bool = True) -> None:
        self.path = path
        self.kind = kind
        self._filters = filters
        self._post = post

    def ask(self, filters: Mapping[str, Any], first: int, most: int, sort: str | None) -> Logic[list[R]]:
        """The rows. Raises TypeError for a filter that there is not: the resources themselves ignore it."""
        page = {"firstResult": first, "maxResults": most}
        given = {self._name(name): value for name, value in filters.items() if value is not None}
        if self._post:
            body: dict[str, Any] = {name: _json(value) for name, value in given.items()}
            if sort is not None:
                body["sorting"] = [dict(zip(("sortBy", "sortOrder"), _sorting(sort), strict=True))]
            ask = Ask("POST", f"{self.path}?{urlencode(page)}", msgspec.json.encode(body), repeatable=True)
        else:
            query: dict[str, Any] = {**{name: _text(value) for name, value in given.items()}, **page}
            if sort is not None:
                query["sortBy"], query["sortOrder"] = _sorting(sort)
            ask = Ask("GET", f"{self.path}?{urlencode(query)}", repeatable=True)
        answer = yield from succeeded(ask, PATIENCE)
        return records.read_rows(self.kind, msgspec.json.decode(answer.body))

    def _name(self, name: str) -> str:
        found = camel(name)
        known = self._filters()
        if found not in known:
            there = ", ".join(sorted(snake(one) for one in known))
            raise TypeError(f"{self.path} has no filter {name!r}; there are {there}")
        return found


def camel(name: str) -> str:
    """`process_definition_key` → `processDefinitionKey`"""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def snake(name: str) -> str:
    """`processDefinitionKey` → `process_definition_key`"""
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name)


def _sorting(sort: str) -> tuple[str, str]:
    return camel(sort.removeprefix("-")), "desc" if sort.startswith("-") else "asc"


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return date_text(value)
    if isinstance(value, Mapping):
        # Variables: all of them have these values.
        return [{"name": name, "operator": "eq", "value": write(name, one)["value"]} for name, one in value.items()]
    return value


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return date_text(value)
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else str(value)


# What may be asked stands with the resources, whose modules cost time to import.


def _instances() -> frozenset[str]:
    from penstock.api.process_instance.query import PROCESS_INSTANCES

    return frozenset(PROCESS_INSTANCES.filters)


def _history() -> frozenset[str]:
    from penstock.api.history_process_instance.query import HISTORIC_PROCESS_INSTANCES

    return frozenset(HISTORIC_PROCESS_INSTANCES.filters)


def _activities() -> frozenset[str]:
    from penstock.api.history_activity_instance.routes import HISTORIC_ACTIVITY_INSTANCES

    return frozenset(HISTORIC_ACTIVITY_INSTANCES.filters)


def _tasks() -> frozenset[str]:
    from penstock.api.task.query import TASKS

    return frozenset(TASKS.filters)


def _external_tasks() -> frozenset[str]:
    from penstock.api.external_task.query import SELECTION

    return frozenset(SELECTION.filters)


def _jobs() -> frozenset[str]:
    from penstock.api.job.query import JOBS

    return frozenset(JOBS.filters)


def _incidents() -> frozenset[str]:
    from penstock.api.incident.query import INCIDENTS

    return frozenset(INCIDENTS.filters)


def _definitions() -> frozenset[str]:
    from penstock.api.process_definition.query import SELECTION

    return frozenset(SELECTION.filters)


INSTANCES = Listing("/process-instance", records.ProcessInstance, _instances)
HISTORY = Listing("/history/process-instance", records.HistoricProcessInstance, _history)
ACTIVITIES = Listing("/history/activity-instance", records.HistoricActivityInstance, _activities)
TASKS = Listing("/task", records.Task, _tasks)
EXTERNAL_TASKS = Listing("/external-task", records.WaitingTask, _external_tasks)
JOBS = Listing("/job", records.Job, _jobs)
INCIDENTS = Listing("/incident", records.Incident, _incidents, post=False)
DEFINITIONS = Listing("/process-definition", records.ProcessDefinition, _definitions, post=False)
