"""`POST /decision-definition/{id}/evaluate`."""

from typing import Any

from penstock.api import problems, values
from penstock.api.decision_definition import dto
from penstock.api.http import Request
from penstock.base.errors import Failure, NotFound
from penstock.dmn.camunda.history import stored
from penstock.dmn.camunda.results import RuleResult, Value
from penstock.runtime.telemetry import logs

FAILED = "Exception while evaluating decision with key 'null'"
"""Camunda 7 names the key, which is null when the decision was asked for by its id; REST always does that."""


async def evaluate(request: Request, id: str) -> Any:
    """The outputs of each matching rule. A decision that fails is 500 `RestException`, whatever went wrong."""
    body = request.body(dto.Evaluation)
    variables = values.read_all(body.variables)
    prefix = f"Cannot evaluate decision {id}: "
    try:
        result = await request.engine.evaluate_decision(id, variables, user=request.user)
    except NotFound as error:
        raise problems.invalid(404, prefix + error.message, 0) from error
    except Failure as error:
        logs.decision_failed(id, error)
        raise problems.rest(500, f"{prefix}{FAILED}", 0) from error
    return [_rule(rule) for rule in result.rules]


def _rule(rule: RuleResult) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in rule.items():
        if name is None:
            raise problems.invalid(400, "Null key for a Map not allowed in JSON (use a converting NullKeySerializer?)")
        found[name] = _value(value)
    return found


def _value(value: Value) -> dict[str, Any]:
    """The value with its type; one of no declared type has none."""
    written = values.write(stored(value))
    if value.type is None and value.value is not None:
        written = {"type": None, "value": _plain(value.value, written["value"]), "valueInfo": {}}
    return written


def _plain(native: Any, written: Any) -> Any:
    return native if isinstance(native, list | dict) else written
