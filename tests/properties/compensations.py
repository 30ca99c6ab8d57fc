"""Compensation undoes what has completed, each thing once, the last one first (BPMN 2.0.2 §13.5.5)."""

from __future__ import annotations

from collections import defaultdict

from penstock.engine import events as ev
from penstock.engine.definition import Definition

_THROWING = ("intermediateCompensationThrowEvent", "compensationEndEvent", "cancelEndEvent")


class Compensations:
    """What one instance has completed that has a handler, and what was undone of it."""

    def __init__(self) -> None:
        self.number = 0
        self.scope_of: dict[str, str] = {}
        self.completed: defaultdict[str, dict[int, str]] = defaultdict(dict)
        """Scope → number of the completion → activity; what is not undone yet."""
        self.inside: defaultdict[str, dict[int, str]] = defaultdict(dict)
        """Scope → number of the completion → kept scope in it, which is compensated with it."""
        self.kept_as: dict[str, str] = {}
        """Activity instance of a kept scope → the one that had completed."""
        self.leaving: dict[str, str] = {}
        self.parents: dict[str, str] = {}
        """Execution → its parent, when it was made."""
        self.kept_at: dict[str, str] = {}
        """Execution of a kept scope → its activity instance."""
        self.last: dict[str, int] = {}
        """Scope → the completion that the present throw event has undone last."""
        self.thrown: dict[str, int] = {}
        self.injected = False
        """Whether it cannot be told any more what was completed where."""

    def read(self, unit: ev.InstanceEvents, definition: Definition) -> None:
        """Takes in one unit."""
        for event in unit.events:
            if isinstance(event, ev.ActivityStarted):
                self._started(event, definition)
            elif isinstance(event, ev.ActivityEnded):
                self._ended(event, definition)
            elif isinstance(event, ev.ExecutionKept):
                self.leaving[event.activity] = event.activity_instance
                self.kept_at[event.execution] = event.activity_instance
            elif isinstance(event, ev.InstanceMigrated):
                # What can be compensated moves to the scope in which its handler lies.
                self.injected = True
            elif isinstance(event, ev.ExecutionCreated):
                self.parents[event.execution] = event.parent

    def _started(self, event: ev.ActivityStarted, definition: Definition) -> None:
        self.number += 1
        self.scope_of[event.activity_instance] = event.parent_activity_instance
        if event.type in _THROWING:
            self.last.clear()
            self.thrown[event.activity_instance] = self.number
        compensates = definition.activities[event.activity].compensates
        if compensates is not None and not self.injected:
            scope = event.parent_activity_instance
            if scope == event.activity_instance:
                # As in Camunda some handlers are shown as their own parent: the scope is found by its execution.
                scope = self._kept_around(event.execution)
            self._undone(self.kept_as.get(scope, scope), compensates.id)

    def _kept_around(self, execution: str) -> str:
        while execution not in self.kept_at:
            execution = self.parents[execution]
        return self.kept_at[execution]

    def _undone(self, scope: str, activity: str) -> None:
        found = [number for number, id in self.completed[scope].items() if id == activity]
        assert found, f"{activity} is compensated in {scope}, where nothing is left of it to undo"
        number = found[-1]
        del self.completed[scope][number]
        before = self.last.get(scope, number)
        assert number <= before, f"{activity} in {scope} is compensated after what had completed before it"
        self.last[scope] = number

    def _ended(self, event: ev.ActivityEnded, definition: Definition) -> None:
        self.number += 1
        id, scope = event.activity_instance, self.scope_of.pop(event.activity_instance, "")
        kept = self.leaving.pop(event.activity, None)
        if kept is not None:
            self.kept_as[kept] = id
            if not any(sub.compensates_scope for sub in definition.activities[event.activity].event_subprocesses):
                self.inside[scope][self.number] = id
        if event.canceled:
            return
        if definition.activities[event.activity].compensation_handler is not None:
            self.completed[scope][self.number] = event.activity
        thrown = self.thrown.pop(id, None)
        if thrown is not None and not self.injected:
            left = self._left(scope, thrown)
            assert not left, f"{event.activity} is done, and {left} in {scope} are not compensated"

    def _left(self, scope: str, before: int) -> list[str]:
        """What is not undone of what had completed in a scope."""
        found = [activity for number, activity in self.completed[scope].items() if number < before]
        for number, inner in self.inside[scope].items():
            if number < before:
                found += self._left(inner, before)
        return found
