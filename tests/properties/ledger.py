"""What one instance's events say, folded without the engine's own appliers, and compared with its live state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shape import check_incidents, check_tree

from penstock.engine import events as ev
from penstock.engine.state import Instance, Phase


class Ledger:
    """Everything of one instance that is open, by its events."""

    def __init__(self, instance: str) -> None:
        self.instance = instance
        self.variables: dict[str, tuple[str, str, Any]] = {}
        self.open: dict[str, str] = {}
        """Activity instances that have started and not ended → activity."""
        self.closed: set[str] = set()
        self.jobs: set[str] = set()
        self.tasks: set[str] = set()
        self.external_tasks: set[str] = set()
        self.subscriptions: set[str] = set()
        self.incidents: set[str] = set()
        self.executions: set[str] = set()
        self.revived: set[str] = set()
        """Scopes that act again while they are compensated: Camunda writes no history row for their second life."""
        self.kept: set[str] = set()
        """Activity instances of that second life; one that is canceled ends, though it never started."""
        self.ended = False
        self.revision = 0

    def read(self, unit: ev.InstanceEvents, ids: set[str]) -> None:
        """Takes in one unit. `ids`: every id that any instance has given out, to which new ones are added."""
        assert unit.instance == self.instance
        assert unit.revision == self.revision + 1, f"revision {unit.revision} follows {self.revision}"
        assert not self.ended, f"{self.instance} goes on after its end: {unit}"
        self.revision = unit.revision
        if unit.revision == 1:
            assert isinstance(unit.events[0], ev.InstanceStarted)
            self.executions.add(unit.instance)
            _fresh(ids, unit.instance)
        for event in unit.events:
            assert not self.ended, f"{event} follows the end of {self.instance}"
            self._event(event, ids)

    def _event(self, event: ev.AnyEvent, ids: set[str]) -> None:
        match event:
            case ev.InstanceEnded():
                self.ended = True
                self.executions.clear()
                self.variables.clear()
            case ev.ExecutionCreated(execution=id) | ev.ExecutionKept(execution=id):
                _fresh(ids, id)
                self.executions.add(id)
                if isinstance(event, ev.ExecutionKept):
                    self.kept.add(event.activity_instance)
                    for variable, name, value in event.variables:
                        _fresh(ids, variable)
                        self.variables[variable] = (id, name, value)
            case ev.ExecutionEnded(execution=id, variables=variables):
                self.executions.remove(id)
                self._end_variables(variables, id)
            case ev.ExecutionFolded(execution=id, into=into, variables=variables):
                self.executions.remove(id)
                self._move_variables(variables, into)
            case ev.ExecutionExpanded(execution=id, variables=variables):
                _fresh(ids, id)
                self.executions.add(id)
                self._move_variables(variables, id)
            case ev.PathDetached(execution=id, variables=variables):
                _fresh(ids, id)
                self.executions.add(id)
                self._move_variables(variables, id)
            case ev.PathAttached(execution=id, into=into, variables=variables):
                self.executions.remove(id)
                self._move_variables(variables, into)
            case ev.ActivityMigrated(activity_instance=id, activity=activity, kept=False):
                # That of a scope whose asynchronous continuation waits has ended already.
                assert id in self.open or id in self.closed, f"{id} is migrated and was never open"
                if id in self.open:
                    self.open[id] = activity
            case ev.ExecutionRevived(execution=id):
                self.revived.add(id)
            case ev.ActivityStarted(activity_instance=id, activity=activity):
                _fresh(ids, id)
                self.open[id] = activity
            case ev.ActivityEnded(activity_instance=id, activity=activity):
                assert id not in self.closed, f"{id} ends twice"
                if id in self.kept:
                    self.kept.remove(id)
                    return
                assert self.open.pop(id, None) == activity, f"{id} ends and has not started as {activity}"
                self.closed.add(id)
            case ev.VariableSet(variable=id, scope=scope, name=name, value=value):
                if id in self.variables:
                    assert self.variables[id][:2] == (scope, name), f"variable {id} moves from {self.variables[id]}"
                else:
                    _fresh(ids, id)
                self.variables[id] = (scope, name, value)
            case ev.VariableRemoved(variable=id):
                del self.variables[id]
            case ev.TaskCreated(task=id):
                _fresh(ids, id)
                self.tasks.add(id)
            case ev.TaskEnded(task=id, variables=variables):
                self.tasks.remove(id)
                self._end_variables(variables, id)
            case ev.ExternalTaskCreated(external_task=id, log=log):
                _fresh(ids, id, log)
                self.external_tasks.add(id)
            case (
                ev.ExternalTaskCompleted(external_task=id, log=log) | ev.ExternalTaskDeleted(external_task=id, log=log)
            ):
                _fresh(ids, log)
                self.external_tasks.remove(id)
            case ev.ExternalTaskFailed(external_task=id, log=log) | ev.JobFailed(job=id, log=log):
                _fresh(ids, log)
                assert id in self.external_tasks or id in self.jobs
            case ev.JobCreated(job=id, log=log):
                _fresh(ids, id, log)
                self.jobs.add(id)
            case ev.JobExecuted(job=id, log=log) | ev.JobDeleted(job=id, log=log):
                _fresh(ids, log)
                self.jobs.remove(id)
            case ev.SubscriptionCreated(subscription=id):
                _fresh(ids, id)
                self.subscriptions.add(id)
            case ev.SubscriptionDeleted(subscription=id):
                self.subscriptions.remove(id)
            case ev.IncidentOpened(incident=id):
                _fresh(ids, id)
                self.incidents.add(id)
            case ev.IncidentClosed(incident=id):
                self.incidents.remove(id)
            case _:
                pass

    def _end_variables(self, variables: Sequence[str], scope: str) -> None:
        for id in variables:
            assert self.variables.pop(id)[0] == scope
        left = [v for v in self.variables.values() if v[0] == scope]
        assert not left, f"{scope} ends and leaves {left}"

    def _move_variables(self, variables: Sequence[str], scope: str) -> None:
        for id in variables:
            if self.variables[id][0] not in self.tasks:
                self.variables[id] = (scope, *self.variables[id][1:])

    # ------------------------------------------------------------------------------------------ against the state

    def check(self, instance: Instance) -> None:
        """The live state of this instance is what the events say."""
        assert not self.ended
        assert instance.revision == self.revision
        check_tree(instance)
        assert instance.executions.keys() == self.executions
        assert instance.jobs.keys() == self.jobs
        assert instance.tasks.keys() == self.tasks
        assert instance.external_tasks.keys() == self.external_tasks
        assert instance.subscriptions.keys() == self.subscriptions
        assert instance.incidents.keys() == self.incidents
        assert _state_variables(instance) == self.variables
        self._check_places(instance)
        check_incidents(instance)

    def _check_places(self, instance: Instance) -> None:
        """Whoever stands in an activity stands in one that is open, and every open one is held by somebody."""
        held: dict[str, str] = {}
        for x in instance.executions.values():
            if x.kind is ev.ExecutionKind.KEPT:
                continue
            if x.phase is Phase.AFTER and x.activity == x.scope_activity:
                # Its activity instance has ended; the scope goes when the continuation is executed.
                continue
            if x.activity_instance is not None and x.activity is not None:
                held[x.activity_instance] = x.activity
            if x.kind is not ev.ExecutionKind.SCOPE or x.id in self.revived:
                continue
            if x.scope_instance is not None and x.scope_activity is not None:
                held.setdefault(x.scope_instance, x.scope_activity)
        held.pop(instance.id, None)
        opened = {id: activity for id, activity in self.open.items() if id != instance.id}
        assert held == opened, f"held {held}, open {opened}"

    def check_end(self) -> None:
        """Nothing is left of an instance that has ended."""
        assert self.ended
        assert not self.open, f"not ended: {self.open}"
        assert not self.jobs, self.jobs
        assert not self.tasks, self.tasks
        assert not self.external_tasks, self.external_tasks
        assert not self.subscriptions, self.subscriptions
        assert not self.incidents, self.incidents


def _fresh(ids: set[str], *new: str) -> None:
    for id in new:
        if id:
            assert id not in ids, f"the id {id} was given out before"
            ids.add(id)


def _state_variables(instance: Instance) -> dict[str, tuple[str, str, Any]]:
    found: dict[str, tuple[str, str, Any]] = {}
    for holders in (instance.executions, instance.tasks):
        for scope, holder in holders.items():
            for name, variable in holder.variables.items():
                assert variable.id not in found
                found[variable.id] = (scope, name, variable.value)
    return found
