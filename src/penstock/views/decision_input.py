"""The inputs of evaluated decisions (Camunda 7 `HistoricDecisionInputInstance`)."""

from penstock.engine import events
from penstock.views.columns import value_columns
from penstock.views.unit import Unit, View, removal_time

TABLE = "decision_input"


def evaluated(unit: Unit, event: events.DecisionEvaluated, index: int) -> None:
    for part, (clause, name, value) in enumerate(event.inputs):
        unit.insert(
            TABLE,
            {
                "shard": unit.shard,
                "id": unit.id(index, part),
                "root_id": unit.root,
                "instance_id": unit.instance,
                "decision_instance_id": event.decision_instance,
                "clause_id": clause,
                "clause_name": name,
                "type": value.type,
                **value_columns(value),
                "created_ms": unit.at_ms,
                "removal_ms": event.removal_ms,
                "sequence": part,
            },
        )


VIEW = View(
    TABLE,
    {events.RemovalTimeSet: removal_time(TABLE), events.DecisionEvaluated: evaluated},
    owners=("instance_id", "decision_instance_id"),
)
