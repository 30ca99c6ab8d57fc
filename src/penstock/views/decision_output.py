"""The outputs of evaluated decisions (Camunda 7 `HistoricDecisionOutputInstance`)."""

from penstock.engine import events
from penstock.views.columns import value_columns
from penstock.views.unit import Unit, View, removal_time

TABLE = "decision_output"


def evaluated(unit: Unit, event: events.DecisionEvaluated, index: int) -> None:
    # Parts are counted on from the inputs, whose ids are made of the same event.
    for part, (clause, clause_name, rule, order, variable, value) in enumerate(event.outputs):
        unit.insert(
            TABLE,
            {
                "shard": unit.shard,
                "id": unit.id(index, len(event.inputs) + part),
                "root_id": unit.root,
                "instance_id": unit.instance,
                "decision_instance_id": event.decision_instance,
                "clause_id": clause,
                "clause_name": clause_name,
                "rule_id": rule,
                "rule_order": order,
                "variable_name": variable,
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
