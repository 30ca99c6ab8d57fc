"""What the nodes of the graph do: inputs, decisions, business knowledge models, decision services."""

from collections.abc import Sequence
from typing import Any

from penstock.dmn import model
from penstock.dmn.evaluation import Evaluation, NodeCode, visible
from penstock.dmn.graph import Graph, Key, Need, entry_names
from penstock.dmn.logic.builder import Builder, Problems, fitted
from penstock.dmn.logic.functions import named_function
from penstock.dmn.logic.kinds import TABLE
from penstock.expr.feel.expression import Environment
from penstock.expr.feel.run import Run
from penstock.expr.feel.types import Type, fit_arguments
from penstock.expr.feel.values import Function


class Nodes:
    """Builds the code of every node of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.problems = Problems()
        words = [*graph.words()]
        for _, node in graph.nodes():
            words += entry_names(node)
        self._environments = {namespace: Environment((), words, graph.types[namespace]) for namespace in graph.models}
        for namespace, types in graph.types.items():
            types.environment = self._environments[namespace]
        self._builders = {
            namespace: Builder(TABLE, graph.types[namespace].find, each.language, self.problems)
            for namespace, each in graph.models.items()
        }
        self._types: dict[Key, Type | None] = {}
        self.codes: dict[Key, NodeCode] = {key: self._code(key, node) for key, node in graph.nodes()}

    def type_of(self, key: Key, node: model.Node) -> Type | None:
        """The type that a node's variable declares."""
        if key not in self._types:
            self._types[key] = self._builders[key[0]].type_of(node.variable.type_ref, node)
        return self._types[key]

    def _code(self, key: Key, node: model.Node) -> NodeCode:
        if isinstance(node, model.Decision):
            return self._decision(key, node)
        if isinstance(node, model.Knowledge):
            return self._knowledge(key, node)
        if isinstance(node, model.Service):
            return self._service(key, node)
        return missing

    def _environment(self, key: Key, needs: Sequence[Need], *more: str) -> Environment:
        names = [need.prefix or need.node.variable.name for need in needs]
        return self._environments[key[0]].extended([*names, *more])

    def _decision(self, key: Key, node: model.Decision) -> NodeCode:
        needs = self.graph.needs(key[0], (*node.requires, *node.knowledge))
        logic = self._builders[key[0]].build(node.logic, self._environment(key, needs))
        of = self.type_of(key, node)

        def decide(evaluation: Evaluation) -> Any:
            found = logic(visible(evaluation, needs), evaluation.run)
            return found if of is None else fitted(of, found, evaluation.run)

        return decide

    def _knowledge(self, key: Key, node: model.Knowledge) -> NodeCode:
        needs = [need for need in self.graph.needs(key[0], node.knowledge) if need.key != key]
        name = node.variable.name
        if node.function is None:
            return missing
        environment = self._environment(key, needs, name)
        made = named_function(self._builders[key[0]], name, node.function, environment)

        def known(evaluation: Evaluation) -> Any:
            names = visible(evaluation, needs)
            function = made(names, evaluation.run)
            names[name] = function
            return function

        return known

    def _service(self, key: Key, node: model.Service) -> NodeCode:
        parameters = self.graph.needs(key[0], (*node.input_data, *node.input_decisions))
        outputs = self.graph.needs(key[0], node.outputs)
        types = [self.type_of(need.key, need.node) for need in parameters]
        result = self.type_of(key, node)
        return lambda evaluation: ServiceFunction(node.variable.name, parameters, types, outputs, result, evaluation)


def missing(_evaluation: Evaluation) -> None:
    """An input that was not given, or a node without logic."""
    return


class ServiceFunction(Function):
    """A decision service as a function: its parameters are its input data, then its input decisions (§10.4)."""

    __slots__ = ("_evaluation", "_needs", "_outputs")

    def __init__(
        self,
        name: str,
        parameters: Sequence[Need],
        types: Sequence[Type | None],
        outputs: Sequence[Need],
        result: Type | None,
        evaluation: Evaluation,
    ) -> None:
        super().__init__(name, [need.node.variable.name for need in parameters], types, result)
        self._needs = parameters
        self._outputs = outputs
        self._evaluation = evaluation

    def call(self, run: Run, args: Sequence[Any]) -> Any:
        given = {need.key: value for need, value in zip(self._needs, fit_arguments(self, args), strict=True)}
        run.enter()
        try:
            inner = self._evaluation.within(given)
            results = {need.node.variable.name: inner.value(need.key) for need in self._outputs}
        finally:
            run.leave()
        found = next(iter(results.values())) if len(results) == 1 else results
        return found if self.result is None else fitted(self.result, found, run)
