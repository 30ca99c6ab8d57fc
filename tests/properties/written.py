"""A BPMN file while it is written: scopes, sequence flows that still want their target, and event definitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

VARIABLES = ("x0", "x1", "x2", "x3")
"""Integers from 0 to 3 that conditions of flows read; every instance starts with all of them."""

GATE, BELL = "c0", "c1"
"""What conditional events read: intermediate ones wait until `GATE` is 1; boundary events and event sub-processes listen
to `BELL`, which only somebody from outside rings."""

ERRORS = ("E1", "E2")
SIGNALS = ("S1", "S2")
ESCALATIONS = ("X1", "X2")
TOPIC = "work"
DELEGATE = "${work}"
"""The delegate of every model; the run decides whether it works, fails or throws a BPMN error."""
DECISION = "rule"

NAMESPACES = (
    'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="t"'
)

DMN = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="rules" name="Rules" namespace="t">
  <decision id="rule" name="Rule"><decisionTable id="table" hitPolicy="FIRST">
    <input id="in"><inputExpression id="expression" typeRef="integer"><text>x0</text></inputExpression></input>
    <output id="out" name="x2" typeRef="integer"/>
    <rule id="low"><inputEntry id="i1"><text>&lt; 2</text></inputEntry><outputEntry id="o1"><text>0</text></outputEntry></rule>
    <rule id="high"><inputEntry id="i2"><text>-</text></inputEntry><outputEntry id="o2"><text>3</text></outputEntry></rule>
  </decisionTable></decision>
</definitions>"""
"""What business rule tasks ask."""


@dataclass(frozen=True)
class Way:
    """A sequence flow that still wants its target."""

    node: str
    condition: str | None = None
    flow: str | None = None


@dataclass
class Written:
    """`scopes`: the stack of scopes, each a list of elements and a list of artifacts."""

    scopes: list[tuple[list[str], list[str]]] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def id(self, kind: str) -> str:
        self.numbers[kind] = number = self.numbers.get(kind, 0) + 1
        return f"{kind}{number}"

    def add(self, element: str) -> None:
        self.scopes[-1][0].append(element)

    def artifact(self, element: str) -> None:
        self.scopes[-1][1].append(element)

    def flow(self, way: Way, target: str) -> None:
        condition = ""
        if way.condition is not None:
            text = escape(way.condition)
            condition = f'<conditionExpression xsi:type="tFormalExpression">{text}</conditionExpression>'
        id = way.flow or self.id("flow")
        self.add(f'<sequenceFlow id="{id}" sourceRef="{way.node}" targetRef="{target}">{condition}</sequenceFlow>')

    def open(self) -> None:
        self.scopes.append(([], []))

    def close(self) -> str:
        elements, artifacts = self.scopes.pop()
        return "".join((*elements, *artifacts))

    def message(self, of: str) -> str:
        """A message of its own for the element `of`; its name is `m_` and the element's id."""
        id = self.id("message")
        self.roots.append(f'<message id="{id}" name="m_{of}"/>')
        return id

    def file(self, processes: str) -> str:
        """The whole file."""
        roots = "".join(
            [
                *self.roots,
                *(f'<signal id="signal_{name}" name="{name}"/>' for name in SIGNALS),
                *(f'<error id="error_{code}" errorCode="{code}"/>' for code in ERRORS),
                *(f'<escalation id="escalation_{code}" escalationCode="{code}"/>' for code in ESCALATIONS),
            ]
        )
        return f"<definitions {NAMESPACES}>{roots}{processes}</definitions>"


_TIMES = {"timer": ("timeDuration", "PT5S"), "later": ("timeDuration", "PT9S"), "cycle": ("timeCycle", "R2/PT5S")}


def definition(w: Written, kind: str, of: str) -> str:
    """The event definition of the event `of`."""
    if kind in _TIMES:
        tag, text = _TIMES[kind]
        return f'<timerEventDefinition><{tag} xsi:type="tFormalExpression">{text}</{tag}></timerEventDefinition>'
    if kind in ("gate", "bell"):
        name = GATE if kind == "gate" else BELL
        # Without the variable's name every change would trigger it, those of its own handler as well.
        return (
            f'<conditionalEventDefinition camunda:variableName="{name}"><condition xsi:type="tFormalExpression">'
            f"${{{name} == 1}}</condition></conditionalEventDefinition>"
        )
    signal = _signal_of(of)
    match kind:
        case "none":
            return ""
        case "message":
            return f'<messageEventDefinition messageRef="{w.message(of)}"/>'
        case "sent":
            return f'<messageEventDefinition camunda:delegateExpression="{DELEGATE}"/>'
        case "asked":
            return f'<messageEventDefinition camunda:type="external" camunda:topic="{TOPIC}"/>'
        case "signal":
            return f'<signalEventDefinition signalRef="signal_{signal}"/>'
        case "signalAsync":
            return f'<signalEventDefinition signalRef="signal_{signal}" camunda:async="true"/>'
        case "error":
            return '<errorEventDefinition errorRef="error_E1"/>'
        case "otherError":
            return '<errorEventDefinition errorRef="error_E2" camunda:errorCodeVariable="code"/>'
        case "anyError":
            return '<errorEventDefinition camunda:errorCodeVariable="code" camunda:errorMessageVariable="text"/>'
        case "escalation":
            return f'<escalationEventDefinition escalationRef="escalation_{ESCALATIONS[0]}"/>'
        case "anyEscalation":
            return '<escalationEventDefinition camunda:escalationCodeVariable="code"/>'
        case "terminate" | "cancel" | "compensate":
            return f"<{kind}EventDefinition/>"
    raise AssertionError(kind)


def _signal_of(event: str) -> str:
    """Which signal: a scope may wait for a signal once only, at its boundary or in its event sub-processes."""
    if event.startswith("boundary"):
        return SIGNALS[0]
    if event.startswith("eventStart"):
        return SIGNALS[1]
    return SIGNALS[len(event) % 2]
