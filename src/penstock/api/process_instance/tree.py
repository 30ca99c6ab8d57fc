"""The activity instance tree of a running process instance (Camunda 7 `GetActivityInstanceCmd`).

A node for the process and for every activity that is entered, a transition instance for every execution that waits
before or after an activity. Executions kept for compensation are not shown.

`executionIds` as in Camunda: the execution that stands for the node (of a scope activity the scope's own), then the
concurrent executions directly below it that are in no activity of their own, because a scope inside them acts.
"""

from typing import Any

from penstock.engine.definition import Definition
from penstock.engine.events import ExecutionKind
from penstock.engine.state import Execution, Instance, Phase

Node = dict[str, Any]
"""A node as Camunda's `ActivityInstanceDto`."""

_IN_ACTIVITY = (Phase.ACTIVE, Phase.JOINING)
_IN_TRANSITION = (Phase.BEFORE, Phase.AFTER)


def activity_instances(instance: Instance, definition: Definition) -> Node:
    """The tree of `instance`, whose definition is `definition`: the node of the process, with all others inside.

    Raises KeyError when the state names an activity that the definition does not have."""
    return _Tree(instance, definition).build()


class _Tree:
    def __init__(self, instance: Instance, definition: Definition) -> None:
        self._instance = instance
        self._definition = definition
        self._nodes: dict[str, Node] = {}
        self._incidents: dict[str, list[Node]] = {}
        for incident in instance.incidents.values():
            found = self._incidents.setdefault(incident.execution, [])
            found.append({"id": incident.id, "activityId": incident.activity})

    def build(self) -> Node:
        instance = self._instance
        executions = instance.executions
        top = executions[instance.id]
        name = self._definition.name
        root = self._node(top, instance.id, None, self._definition.id, name, "processDefinition", top.activity is None)
        todo = [(top, instance.id)]
        while todo:
            execution, scope_instance = todo.pop()
            if execution.kind is ExecutionKind.SCOPE and not self._left(execution):
                scope_instance = self._scope(execution, scope_instance)
            self._stand(execution, scope_instance)
            for child in reversed(execution.children):
                if executions[child].kind is not ExecutionKind.KEPT:
                    todo.append((executions[child], scope_instance))
        return root

    def _scope(self, execution: Execution, parent: str) -> str:
        """Adds the node of a scope activity; returns its activity instance id."""
        id, activity = execution.scope_instance, execution.scope_activity
        if id is None or activity is None:
            raise ValueError(f"execution {execution.id} is a scope without an activity: its state is damaged")
        own = execution.activity is None or execution.activity == activity
        found = self._definition.activities[activity]
        if execution.activity_instance == id and execution.parent_instance is not None:
            parent = execution.parent_instance
        elif found.parent is not None:
            parent = self._around(execution, found.parent.id) or parent
        self._node(execution, id, self._known(parent), activity, found.name, found.type, own)
        return id

    def _around(self, execution: Execution, scope_activity: str) -> str | None:
        """The activity instance in which `execution` lies: what is compensated runs below the event that throws, and is
        shown in the scope to which it belongs."""
        at = execution.parent
        while at is not None:
            found = self._instance.executions[at]
            if found.kind is not ExecutionKind.PATH and found.scope_activity == scope_activity:
                return found.scope_instance
            at = found.parent
        return None

    def _stand(self, execution: Execution, scope_instance: str) -> None:
        """Adds what the execution itself stands in: an activity instance, a transition instance, or nothing."""
        activity = execution.activity
        if activity is None:
            return
        found = self._definition.activities[activity]
        if execution.phase in _IN_TRANSITION or self._inactive(execution):
            incidents = self._incidents.get(execution.id, [])
            self._nodes[self._known(scope_instance)]["childTransitionInstances"].append(
                {
                    "id": execution.id,
                    "parentActivityInstanceId": scope_instance,
                    "activityId": activity,
                    "activityName": found.name,
                    "activityType": found.type,
                    "processInstanceId": self._instance.id,
                    "processDefinitionId": self._definition.id,
                    "executionId": execution.id,
                    "targetActivityId": activity,
                    "incidentIds": [incident["id"] for incident in incidents],
                    "incidents": list(incidents),
                }
            )
        elif execution.phase in _IN_ACTIVITY:
            id = execution.activity_instance
            if id is None or id in self._nodes:
                return
            parent = self._known(execution.parent_instance or scope_instance)
            self._node(execution, id, parent, activity, found.name, found.type, True)

    def _left(self, execution: Execution) -> bool:
        """A scope whose activity has ended, and which an asynchronous continuation will take away: Camunda shows the
        transition only."""
        return execution.phase is Phase.AFTER and execution.activity == execution.scope_activity

    def _inactive(self, execution: Execution) -> bool:
        """A path that has ended and stays until its scope does, as the done instances of a parallel multi-instance body:
        Camunda shows every leaf without an activity instance as a transition."""
        return (
            execution.kind is ExecutionKind.PATH
            and execution.phase is Phase.IDLE
            and execution.activity_instance is None
            and not execution.children
        )

    def _known(self, id: str) -> str:
        """A parent that has a node; an activity instance that has ended hands its children to the process."""
        return id if id in self._nodes else self._instance.id

    def _node(
        self,
        execution: Execution,
        id: str,
        parent: str | None,
        activity: str,
        name: str | None,
        type: str,
        own_incidents: bool,
    ) -> Node:
        executions = [execution]
        for child_id in execution.children:
            child = self._instance.executions[child_id]
            if child.kind is ExecutionKind.PATH and child.activity is None:
                executions.append(child)
        incidents: list[Node] = []
        for item in executions if own_incidents else executions[1:]:
            incidents.extend(self._incidents.get(item.id, ()))
        node: Node = {
            "id": id,
            "parentActivityInstanceId": parent,
            "activityId": activity,
            "activityName": name,
            "name": name,
            "activityType": type,
            "processInstanceId": self._instance.id,
            "processDefinitionId": self._definition.id,
            "childActivityInstances": [],
            "childTransitionInstances": [],
            "executionIds": [item.id for item in executions],
            "incidentIds": [incident["id"] for incident in incidents],
            "incidents": incidents,
        }
        self._nodes[id] = node
        if parent is not None:
            self._nodes[parent]["childActivityInstances"].append(node)
        return node
