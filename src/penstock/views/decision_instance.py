"""Evaluated decisions (Camunda 7 `HistoricDecisionInstance`).

One that no process asked for has no `definition_id`; its `instance_id` is then the decision instance that was asked for.
"""

from penstock.engine import events
from penstock.views.unit import Unit, View, definition_parts, removal_time

TABLE = "decision_instance"


def evaluated(unit: Unit, event: events.DecisionEvaluated, index: int) -> None:
    requirements = event.requirements
    unit.insert(
        TABLE,
        {
            **unit.common,
            "id": event.decision_instance,
            "tenant_id": event.tenant,
            "decision_id": event.definition,
            "decision_key": definition_parts(event.definition)[0],
            "decision_name": event.name,
            "requirements_id": requirements,
            "requirements_key": None if requirements is None else definition_parts(requirements)[0],
            "root_decision_instance_id": event.root,
            "activity_id": event.activity,
            "activity_instance_id": event.activity_instance,
            "evaluated_ms": unit.at_ms,
            "collected": event.collected,
            "user_id": event.user,
            "removal_ms": event.removal_ms,
            "sequence": unit.sequence(index),
        },
    )


VIEW = View(
    TABLE,
    {events.RemovalTimeSet: removal_time(TABLE), events.DecisionEvaluated: evaluated},
    owners=("instance_id", "id"),
)
