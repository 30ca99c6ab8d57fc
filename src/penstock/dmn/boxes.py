"""Boxed expressions from XML: one method per element, found by its local name."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock.dmn import model
from penstock.model.xml import Element

CAMUNDA = "{http://camunda.org/schema/1.0/dmn}"


class Boxes:
    """Reads boxed expressions."""

    def first(self, parent: Element) -> model.Boxed | None:
        """The boxed expression directly inside an element, if there is one."""
        for child in parent.children:
            read = _TABLE.get(child.name)
            if read is not None:
                return read(self, child)
        return None

    def _part(self, element: Element, name: str) -> model.Boxed | None:
        child = next(iter(element.all(name)), None)
        return None if child is None else self.first(child)

    def literal(self, element: Element) -> model.Literal:
        text = next(iter(element.all("text")), None)
        return model.Literal(
            **_common(element),
            text="" if text is None else text.text,
            language=element.get("expressionLanguage") or "",
        )

    def context(self, element: Element) -> model.Context:
        return model.Context(
            **_common(element), entries=tuple(self._entry(each) for each in element.all("contextEntry"))
        )

    def _entry(self, element: Element) -> model.Entry:
        variable = next(iter(element.all("variable")), None)
        return model.Entry(
            id=element.id or "",
            line=element.line,
            variable=None if variable is None else _variable(variable),
            value=self.first(element),
        )

    def list(self, element: Element) -> model.Items:
        items = [_TABLE[child.name](self, child) for child in element.children if child.name in _TABLE]
        return model.Items(**_common(element), items=tuple(items))

    def relation(self, element: Element) -> model.Relation:
        rows = [
            tuple(_TABLE[child.name](self, child) for child in row.children if child.name in _TABLE)
            for row in element.all("row")
        ]
        return model.Relation(
            **_common(element), columns=tuple(_variable(each) for each in element.all("column")), rows=tuple(rows)
        )

    def function(self, element: Element) -> model.FunctionBox:
        kind = element.get("kind") or "FEEL"
        kinds = {each.value: each for each in model.FunctionKind}
        return model.FunctionBox(
            **_common(element),
            kind=kinds.get(kind, model.FunctionKind.JAVA),
            parameters=tuple(_variable(each) for each in element.all("formalParameter")),
            body=self.first(element),
        )

    def invocation(self, element: Element) -> model.Invocation:
        return model.Invocation(
            **_common(element),
            function=self.first(element),
            bindings=tuple(self._binding(each) for each in element.all("binding")),
        )

    def _binding(self, element: Element) -> model.Binding:
        parameter = next(iter(element.all("parameter")), None)
        return model.Binding(
            line=element.line,
            parameter=model.Variable(name="") if parameter is None else _variable(parameter),
            value=self.first(element),
        )

    def conditional(self, element: Element) -> model.Conditional:
        return model.Conditional(
            **_common(element),
            condition=self._part(element, "if"),
            yes=self._part(element, "then"),
            no=self._part(element, "else"),
        )

    def iteration(self, element: Element) -> model.Iteration:
        loop = model.Loop(element.name)
        return model.Iteration(
            **_common(element),
            loop=loop,
            name=(element.get("iteratorVariable") or "").strip(),
            domain=self._part(element, "in"),
            body=self._part(element, "return" if loop is model.Loop.FOR else "satisfies"),
        )

    def filter(self, element: Element) -> model.FilterBox:
        return model.FilterBox(**_common(element), base=self._part(element, "in"), match=self._part(element, "match"))

    def table(self, element: Element) -> model.Table:
        policies = {each.value: each for each in model.HitPolicy}
        aggregations = {each.value: each for each in model.Aggregation}
        return model.Table(
            **_common(element),
            hit_policy=policies.get(element.get("hitPolicy") or "UNIQUE", model.HitPolicy.UNIQUE),
            aggregation=aggregations.get(element.get("aggregation") or ""),
            inputs=tuple(self._input(each) for each in element.all("input")),
            outputs=tuple(self._output(each) for each in element.all("output")),
            rules=tuple(self._rule(each) for each in element.all("rule")),
        )

    def _input(self, element: Element) -> model.InputClause:
        expression = next(iter(element.all("inputExpression")), None)
        return model.InputClause(
            id=element.id or "",
            line=element.line,
            label=element.get("label") or "",
            expression=model.Literal() if expression is None else self.literal(expression),
            allowed=_tests(element, "inputValues"),
            variable=element.qualified.get(CAMUNDA + "inputVariable") or "",
        )

    def _output(self, element: Element) -> model.OutputClause:
        default = next(iter(element.all("defaultOutputEntry")), None)
        return model.OutputClause(
            id=element.id or "",
            line=element.line,
            name=element.get("name") or "",
            label=element.get("label") or "",
            type_ref=element.get("typeRef") or "",
            allowed=_tests(element, "outputValues"),
            default=None if default is None else self.literal(default),
        )

    def _rule(self, element: Element) -> model.Rule:
        return model.Rule(
            id=element.id or "",
            line=element.line,
            tests=tuple(self.literal(each) for each in element.all("inputEntry")),
            outputs=tuple(self.literal(each) for each in element.all("outputEntry")),
        )


_TABLE: Mapping[str, Callable[[Boxes, Element], model.Boxed]] = {
    "literalExpression": Boxes.literal,
    "context": Boxes.context,
    "list": Boxes.list,
    "relation": Boxes.relation,
    "functionDefinition": Boxes.function,
    "invocation": Boxes.invocation,
    "conditional": Boxes.conditional,
    "for": Boxes.iteration,
    "some": Boxes.iteration,
    "every": Boxes.iteration,
    "filter": Boxes.filter,
    "decisionTable": Boxes.table,
}


def _common(element: Element) -> dict[str, Any]:
    return {"id": element.id or "", "line": element.line, "type_ref": (element.get("typeRef") or "").strip()}


def _variable(element: Element) -> model.Variable:
    return model.Variable(
        id=element.id or "",
        line=element.line,
        name=(element.get("name") or "").strip(),
        type_ref=(element.get("typeRef") or "").strip(),
    )


def _tests(element: Element, name: str) -> str:
    child = next(iter(element.all(name)), None)
    text = None if child is None else next(iter(child.all("text")), None)
    return "" if text is None else text.text.strip()
