"""Boxed expressions from XML: one function per element, found by its local name."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock.dmn import model
from penstock.model.xml import Element

CAMUNDA = "{http://camunda.org/schema/1.0/dmn}"


def child_of(element: Element, name: str) -> Element | None:
    """The first child with this local name."""
    return next(iter(element.all(name)), None)


def boxed_in(parent: Element) -> model.Boxed | None:
    """The boxed expression directly inside an element, if there is one."""
    return next((_TABLE[child.name](child) for child in parent.children if child.name in _TABLE), None)


def _all_boxed_in(parent: Element) -> tuple[model.Boxed, ...]:
    return tuple(_TABLE[child.name](child) for child in parent.children if child.name in _TABLE)


def _part(element: Element, name: str) -> model.Boxed | None:
    child = child_of(element, name)
    return None if child is None else boxed_in(child)


def literal(element: Element) -> model.Literal:
    text = child_of(element, "text")
    return model.Literal(
        **_common(element),
        text="" if text is None else text.text,
        language=element.get("expressionLanguage") or "",
    )


def context(element: Element) -> model.Context:
    return model.Context(**_common(element), entries=tuple(_entry(each) for each in element.all("contextEntry")))


def _entry(element: Element) -> model.Entry:
    variable = child_of(element, "variable")
    return model.Entry(
        id=element.id or "",
        line=element.line,
        variable=None if variable is None else _variable(variable),
        value=boxed_in(element),
    )


def items(element: Element) -> model.Items:
    return model.Items(**_common(element), items=_all_boxed_in(element))


def relation(element: Element) -> model.Relation:
    return model.Relation(
        **_common(element),
        columns=tuple(_variable(each) for each in element.all("column")),
        rows=tuple(_all_boxed_in(row) for row in element.all("row")),
    )


def function(element: Element) -> model.FunctionBox:
    kind = element.get("kind") or "FEEL"
    kinds = {each.value: each for each in model.FunctionKind}
    return model.FunctionBox(
        **_common(element),
        kind=kinds.get(kind, model.FunctionKind.JAVA),
        parameters=tuple(_variable(each) for each in element.all("formalParameter")),
        body=boxed_in(element),
    )


def invocation(element: Element) -> model.Invocation:
    return model.Invocation(
        **_common(element),
        function=boxed_in(element),
        bindings=tuple(_binding(each) for each in element.all("binding")),
    )


def _binding(element: Element) -> model.Binding:
    parameter = child_of(element, "parameter")
    return model.Binding(
        line=element.line,
        parameter=model.Variable(name="") if parameter is None else _variable(parameter),
        value=boxed_in(element),
    )


def conditional(element: Element) -> model.Conditional:
    return model.Conditional(
        **_common(element),
        condition=_part(element, "if"),
        yes=_part(element, "then"),
        no=_part(element, "else"),
    )


def iteration(element: Element) -> model.Iteration:
    loop = model.Loop(element.name)
    return model.Iteration(
        **_common(element),
        loop=loop,
        name=(element.get("iteratorVariable") or "").strip(),
        domain=_part(element, "in"),
        body=_part(element, "return" if loop is model.Loop.FOR else "satisfies"),
    )


def filtered(element: Element) -> model.FilterBox:
    return model.FilterBox(**_common(element), base=_part(element, "in"), match=_part(element, "match"))


def table(element: Element) -> model.Table:
    policies = {each.value: each for each in model.HitPolicy}
    aggregations = {each.value: each for each in model.Aggregation}
    return model.Table(
        **_common(element),
        hit_policy=policies.get(element.get("hitPolicy") or "UNIQUE", model.HitPolicy.UNIQUE),
        aggregation=aggregations.get(element.get("aggregation") or ""),
        inputs=tuple(_input(each) for each in element.all("input")),
        outputs=tuple(_output(each) for each in element.all("output")),
        rules=tuple(_rule(each) for each in element.all("rule")),
    )


def _input(element: Element) -> model.InputClause:
    expression = child_of(element, "inputExpression")
    return model.InputClause(
        id=element.id or "",
        line=element.line,
        label=element.get("label") or "",
        expression=model.Literal() if expression is None else literal(expression),
        allowed=tests(element, "inputValues"),
        variable=element.qualified.get(CAMUNDA + "inputVariable") or "",
    )


def _output(element: Element) -> model.OutputClause:
    default = child_of(element, "defaultOutputEntry")
    return model.OutputClause(
        id=element.id or "",
        line=element.line,
        name=element.get("name") or "",
        label=element.get("label") or "",
        type_ref=element.get("typeRef") or "",
        allowed=tests(element, "outputValues"),
        default=None if default is None else literal(default),
    )


def _rule(element: Element) -> model.Rule:
    return model.Rule(
        id=element.id or "",
        line=element.line,
        tests=tuple(literal(each) for each in element.all("inputEntry")),
        outputs=tuple(literal(each) for each in element.all("outputEntry")),
    )


_TABLE: Mapping[str, Callable[[Element], model.Boxed]] = {
    "literalExpression": literal,
    "context": context,
    "list": items,
    "relation": relation,
    "functionDefinition": function,
    "invocation": invocation,
    "conditional": conditional,
    "for": iteration,
    "some": iteration,
    "every": iteration,
    "filter": filtered,
    "decisionTable": table,
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


def tests(element: Element, name: str) -> str:
    """The unary tests that the child with this name holds."""
    child = child_of(element, name)
    text = None if child is None else child_of(child, "text")
    return "" if text is None else text.text.strip()
