"""A model in Camunda's dialect, loaded on its own (`penstock.dmn.load(xml, dialect="camunda7")`)."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from penstock.base.clock import SystemClock
from penstock.base.errors import DecisionFailed
from penstock.dmn.camunda.definitions import CamundaModel
from penstock.dmn.camunda.evaluation import evaluate_decision
from penstock.dmn.camunda.expressions import ScriptCall
from penstock.dmn.camunda.results import DecisionResult
from penstock.dmn.unknown import UnknownDecision
from penstock.expr.values import java_like

RunScript = Callable[[ScriptCall], Any]


class Given:
    """The inputs of one evaluation as expressions see them."""

    def __init__(self, inputs: Mapping[str, Any], now_ms: int) -> None:
        self._inputs = {name: _native(value) for name, value in inputs.items()}
        self._now_ms = now_ms

    def lookup(self, name: str) -> Any:
        return self._inputs[name]

    def now_ms(self) -> int:
        return self._now_ms


class CamundaDecisions:
    """The decisions of a file that Camunda 7 would deploy."""

    def __init__(self, source: CamundaModel) -> None:
        self.model = source

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of the decisions."""
        return tuple(self.model.decisions)

    def evaluate(
        self,
        name: str,
        inputs: Mapping[str, Any],
        *,
        run_script: RunScript | None = None,
        now_ns: int | None = None,
    ) -> DecisionResult:
        """The result of the decision with this key, or name.

        `inputs`: Python values by name. `run_script` answers what scripts evaluate to; without it they are refused.
        Raises UnknownDecision, DecisionFailed.
        """
        key = self._key(name)
        now_ms = SystemClock().now_ms() if now_ns is None else now_ns // 1_000_000
        steps = evaluate_decision(self.model, key, Given(inputs, now_ms))
        try:
            call = next(steps)
            while True:
                if run_script is None:
                    call = steps.throw(DecisionFailed(f"there is nobody to run a script in '{call.language}'"))
                else:
                    call = steps.send(run_script(call))
        except StopIteration as stop:
            result: DecisionResult = stop.value
            return result

    def _key(self, name: str) -> str:
        if name in self.model.decisions:
            return name
        for decision in self.model.decisions.values():
            if decision.facts.name == name:
                return decision.key
        raise UnknownDecision(f"the model has no decision {name!r}; it has: {', '.join(self.names) or 'none'}")


def _native(value: Any) -> Any:
    """As Java's JSON readers have it: integers that fit are Integer."""
    if isinstance(value, Decimal):
        return java_like(int(value)) if value == value.to_integral_value() else float(value)
    return java_like(value)
