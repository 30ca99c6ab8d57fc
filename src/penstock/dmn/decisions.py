"""A loaded model, ready to be evaluated any number of times (dialect "dmn")."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from penstock.base.clock import SystemClock
from penstock.dmn import model
from penstock.dmn.evaluation import Evaluation
from penstock.dmn.graph import Graph, Key
from penstock.dmn.json_values import from_json
from penstock.dmn.logic.builder import fitted
from penstock.dmn.nodes import Nodes
from penstock.dmn.unknown import UnknownDecision
from penstock.expr.feel.convert import cells, from_feel, to_feel
from penstock.expr.feel.numbers import ArithmeticFailed
from penstock.expr.feel.run import Exhausted, FeelError, Run
from penstock.expr.feel.values import Function


class Result(msgspec.Struct, frozen=True):
    """The value of an evaluation as Python has it, and why parts of it are null."""

    value: Any
    messages: tuple[str, ...]


class Decisions:
    """The decisions of a model.

    `problems`: what is wrong with it; a decision whose expression cannot be read is null.
    """

    def __init__(self, models: Iterable[model.Definitions], problems: Iterable[str] = ()) -> None:
        self._graph = Graph(models)
        self._nodes = Nodes(self._graph)
        self.problems = (*problems, *self._nodes.problems.found)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the main model's decisions."""
        return tuple(node.name for node in self._graph.main.nodes.values() if isinstance(node, model.Decision))

    def inputs_of_json(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs whose moments and durations are texts, as JSON has them, made what the model declares them to be."""
        types = {
            name: self._nodes.type_of(key, node)
            for key, node in self._graph.nodes()
            if key[0] == self._graph.main.namespace
            for name in (node.name, node.variable.name)
        }
        return {name: from_json(types.get(name), value) for name, value in inputs.items()}

    def evaluate(
        self, name: str, inputs: Mapping[str, Any], service: str | None = None, now_ns: int | None = None
    ) -> Any:
        """The value of a decision, or of a BKM whose parameters the inputs are; see `evaluation`."""
        return self.evaluation(name, inputs, service, now_ns).value

    def evaluation(
        self, name: str, inputs: Mapping[str, Any], service: str | None = None, now_ns: int | None = None
    ) -> Result:
        """The value of `name`, with messages.

        `inputs`: Python values (`penstock.expr.feel.convert`) by name, those of an imported model's inputs by
        `{namespace}name`. `service`: the decision is evaluated inside of this decision service, whose input decisions
        are among the inputs. `now_ns`: the present in nanoseconds since the epoch; the system's clock if it is left out.
        What has no value is null. Raises UnknownDecision, and FeelError for an input that is no FEEL value.
        """
        values = {key: to_feel(value) for key, value in inputs.items()}
        run = Run(SystemClock().now_ms() * 1_000_000 if now_ns is None else now_ns, cells(values))
        try:
            value = from_feel(self._value(name, values, service, run))
        except (Exhausted, FeelError, ArithmeticFailed) as error:
            run.note(str(error))
            value = None
        except RecursionError:
            run.note("the evaluation is nested too deeply")
            value = None
        return Result(value, tuple(run.messages))

    def _value(self, name: str, values: Mapping[str, Any], service: str | None, run: Run) -> Any:
        if service is not None:
            return self._service_value(name, values, service, run)
        kinds = (model.Decision, model.Knowledge, model.Service, model.InputData)
        found = self._graph.named(name, kinds)
        if found is None:
            known = ", ".join(self.names) or "none"
            raise UnknownDecision(f"the model has no decision {name!r}; it has: {known}")
        key, node = found
        value = Evaluation(self._nodes.codes, self._given(values, run), run).value(key)
        if isinstance(node, model.Decision | model.InputData):
            return value
        if not isinstance(value, Function):
            raise FeelError(f"{name} has no logic")
        return value.call_named(run, {each: values.get(each) for each in value.parameters})

    def _service_value(self, name: str, values: Mapping[str, Any], service: str, run: Run) -> Any:
        found = self._graph.named(service, (model.Service,))
        if found is None:
            raise UnknownDecision(f"the model has no decision service {service!r}")
        (namespace, _), node = found
        assert isinstance(node, model.Service)
        outputs = [need for need in self._graph.needs(namespace, node.outputs) if name in _names(need.node)]
        if not outputs:
            raise UnknownDecision(f"the decision service {service!r} has no output decision {name!r}")
        given = self._given(values, run)
        for need in self._graph.needs(namespace, node.input_decisions):
            given[need.key] = self._given_value(need.key, need.node, values, run)
        return Evaluation(self._nodes.codes, given, run).value(outputs[0].key)

    def _given(self, values: Mapping[str, Any], run: Run) -> dict[Key, Any]:
        return {
            key: self._given_value(key, node, values, run)
            for key, node in self._graph.nodes()
            if isinstance(node, model.InputData)
        }

    def _given_value(self, key: Key, node: model.Node, values: Mapping[str, Any], run: Run) -> Any:
        names = [f"{{{key[0]}}}{node.name}", f"{{{key[0]}}}{node.variable.name}"]
        if key[0] == self._graph.main.namespace or not any(name in values for name in names):
            names += [node.name, node.variable.name]
        value = next((values[name] for name in names if name in values), None)
        of = self._nodes.type_of(key, node)
        return value if of is None else fitted(of, value, run)


def _names(node: model.Node) -> tuple[str, ...]:
    return node.name, node.variable.name, node.id
