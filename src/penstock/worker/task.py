"""The task as a handler sees it."""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol, TypeVar

from penstock.worker import attempts, calls, values
from penstock.worker.logic import Logic
from penstock.worker.records import LockedTask
from penstock.worker.results import ProcessTaskResults, gather
from penstock.worker.values import File, WireValue

T = TypeVar("T")


class Hub(Protocol):
    """What a task needs of its worker."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def results_variable(self) -> str: ...
    def call(self, logic: Logic[T]) -> Awaitable[T]:
        """Runs a call in the worker's event loop."""
        ...

    async def extend(self, task: "ExternalTask", duration_ms: int) -> None:
        """Sets the task's lock to end `duration_ms` from now."""
        ...


class ExternalTask:
    """A task that this worker has locked.

    Methods that ask the server are coroutines; a handler that is no coroutine runs in a thread of its own and uses those
    with `read_` in their names.
    """

    def __init__(self, locked: LockedTask, hub: Hub, lock_duration_ms: int, *, complete: bool, appends: bool) -> None:
        self._locked = locked
        self._hub = hub
        self._complete = complete
        self.lock_duration_ms = lock_duration_ms
        self.appends = appends
        """Whether the server appends to results itself (`penstock.worker.results`)."""
        self.lock_lost = False
        """True from the moment at which the worker knows that somebody else has the task now, or nobody needs it any
        more: what the handler still does is in vain. A long handler looks at it now and then."""

    def __repr__(self) -> str:
        return f"ExternalTask({self.topic!r}, {self.id}, activity {self.activity_id!r})"

    @property
    def id(self) -> str:
        """Id of the external task."""
        return self._locked.id

    @property
    def topic(self) -> str:
        """Its topic."""
        return self._locked.topic_name

    @property
    def worker_id(self) -> str:
        """Who has locked it."""
        return self._locked.worker_id or ""

    @property
    def activity_id(self) -> str:
        """Id of its element in the model."""
        return self._locked.activity_id or ""

    @property
    def activity_instance_id(self) -> str:
        """Id of this entry into the element."""
        return self._locked.activity_instance_id or ""

    @property
    def execution_id(self) -> str:
        """The execution that waits for it."""
        return self._locked.execution_id or ""

    @property
    def process_instance_id(self) -> str:
        """Its process instance."""
        return self._locked.process_instance_id or ""

    @property
    def process_definition_id(self) -> str | None:
        """Its process definition."""
        return self._locked.process_definition_id

    @property
    def process_definition_key(self) -> str | None:
        """Key of its process definition."""
        return self._locked.process_definition_key

    @property
    def process_definition_version_tag(self) -> str | None:
        """Version tag of its process definition."""
        return self._locked.process_definition_version_tag

    @property
    def tenant_id(self) -> str | None:
        """Its tenant."""
        return self._locked.tenant_id

    @property
    def business_key(self) -> str | None:
        """Business key of its process instance."""
        return self._locked.business_key

    @property
    def priority(self) -> int:
        """Its priority."""
        return self._locked.priority

    @property
    def retries(self) -> int | None:
        """Retries left; None: it has never failed."""
        return self._locked.retries

    @property
    def error_message(self) -> str | None:
        """Why it failed the last time."""
        return self._locked.error_message

    @property
    def error_details(self) -> str | None:
        """The details of that."""
        return self._locked.error_details

    @property
    def attempt(self) -> int:
        """How many times its work was begun, this time included: 1, 2, … A task whose worker has died, that was parked, or
        of which nobody knows what became of it is still in the same attempt."""
        return attempts.current(self.error_details, self.retries)

    @property
    def idempotency_key(self) -> str:
        """For services that take an `Idempotency-Key`: the same for everybody who makes this attempt of this task."""
        return f"{self.id}:{self.attempt}"

    @property
    def created_at(self) -> datetime | None:
        """When the process came to it."""
        text = self._locked.create_time
        return values.read_date(text) if text else None

    @property
    def extension_properties(self) -> Mapping[str, str]:
        """The `camunda:property` elements of its element in the model."""
        return self._locked.extension_properties or {}

    @property
    def wire_variables(self) -> Mapping[str, WireValue]:
        """The variables as the server sent them, with their types."""
        return self._locked.variables

    @cached_property
    def variables(self) -> Mapping[str, Any]:
        """The variables (those that the topic asks for), as Python values: see `penstock.worker.values`."""
        return values.read_all(self._locked.variables)

    # -- for coroutines

    async def file(self, name: str) -> File:
        """The content of a File or Bytes variable. Raises RestError, ConnectionLost."""
        return await self._hub.call(calls.file(self.execution_id, name))

    async def results(self) -> ProcessTaskResults:
        """What the tasks of this process have found out up to now. Raises RestError, ConnectionLost."""
        name = self._hub.results_variable
        known = self.variables
        if not self._complete and not (self.appends and name in known):
            known = await self._hub.call(calls.variables(self.execution_id))
        return gather(name, known)

    async def extend_lock(self, duration_ms: int | None = None) -> None:
        """Sets the lock to end `duration_ms` (default: the topic's) from now. The worker does that by itself as long as
        the handler runs. Raises RestError when the lock is lost."""
        await self._hub.extend(self, duration_ms or self.lock_duration_ms)

    # -- for handlers in threads

    def read_file(self, name: str) -> File:
        """As `file`; blocks."""
        return asyncio.run_coroutine_threadsafe(self.file(name), self._hub.loop).result()

    def read_results(self) -> ProcessTaskResults:
        """As `results`; blocks."""
        return asyncio.run_coroutine_threadsafe(self.results(), self._hub.loop).result()
