"""Small models for these tests, written as text."""

from collections.abc import Iterable
from xml.sax.saxutils import escape

NAMESPACE = "http://example.org/dmn"
DMN = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def definitions(body: str, *, namespace: str = NAMESPACE, dmn: str = DMN, more: str = "") -> bytes:
    """A whole file."""
    return (
        f'<definitions xmlns="{dmn}" xmlns:camunda="http://camunda.org/schema/1.0/dmn" id="model" name="Model"'
        f' namespace="{namespace}" {more}>{body}</definitions>'
    ).encode()


def inputs(*names: str, **typed: str) -> str:
    """Input data; `typed` gives their types."""
    found = [(name, "") for name in names] + list(typed.items())
    return "".join(
        f'<inputData id="{name}" name="{name}"><variable name="{name}" {type_ref(of)}/></inputData>'
        for name, of in found
    )


def type_ref(of: str) -> str:
    return f'typeRef="{of}"' if of else ""


def literal(text: str) -> str:
    return f"<literalExpression><text>{escape(text)}</text></literalExpression>"


def decision(name: str, logic: str, needs: Iterable[str] = (), knows: Iterable[str] = (), of: str = "") -> str:
    """A decision; `needs` are ids of inputs, or of decisions when they begin with "=", `knows` of BKMs and services."""
    required = "".join(
        f'<informationRequirement><required{"Decision" if each[0] == "=" else "Input"} href="#{each.lstrip("=")}"/>'
        "</informationRequirement>"
        for each in needs
    )
    known = "".join(
        f'<knowledgeRequirement><requiredKnowledge href="#{each}"/></knowledgeRequirement>' for each in knows
    )
    return f'<decision id="{name}" name="{name}"><variable name="{name}" {type_ref(of)}/>{required}{known}{logic}</decision>'


def table(
    columns: Iterable[str],
    outputs: Iterable[str],
    rules: Iterable[Iterable[str]],
    policy: str = "UNIQUE",
    more: str = "",
) -> str:
    """A decision table. A rule has the cells of all columns, then of all outputs; an output may be XML of its own."""
    columns, outputs = list(columns), list(outputs)
    made = "".join(
        f'<input id="i{n}"><inputExpression><text>{escape(text)}</text></inputExpression></input>'
        for n, text in enumerate(columns)
    )
    made += "".join(
        each if each.startswith("<") else f'<output id="o{n}" name="{each}"/>' for n, each in enumerate(outputs)
    )
    for n, cells in enumerate(rules):
        cells = list(cells)
        made += f'<rule id="r{n}">'
        made += "".join(f"<inputEntry><text>{escape(cell)}</text></inputEntry>" for cell in cells[: len(columns)])
        made += "".join(f"<outputEntry><text>{escape(cell)}</text></outputEntry>" for cell in cells[len(columns) :])
        made += "</rule>"
    return f'<decisionTable hitPolicy="{policy}" {more}>{made}</decisionTable>'
