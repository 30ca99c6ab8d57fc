"""Random process models: every kind of element contributes a block with one way in and one way out.

A block knows how to write itself as BPMN; a model is a tree of blocks, so Hypothesis can shrink it block by block.
`Written` keeps what the checks have to know about the model: which activity a compensation handler undoes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

VARIABLES = ("x0", "x1", "x2", "x3")
"""Integers from 0 to 3 that conditions read; every instance starts with all of them."""

ERRORS = ("E1", "E2")
SIGNALS = ("S1", "S2")
CALLED = "called"
"""Key of the process that call activities call."""

NAMESPACES = (
    'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="t"'
)


@dataclass
class Written:
    """A file while it is written. `scopes`: the stack of scopes, each a list of elements and a list of artifacts."""

    scopes: list[tuple[list[str], list[str]]] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    handlers: dict[str, str] = field(default_factory=dict)
    """Compensation handler → the activity that it undoes."""
    counters: list[str] = field(default_factory=list)
    """Variables that count the rounds of loops."""

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
            condition = (
                f'<conditionExpression xsi:type="tFormalExpression">{escape(way.condition)}</conditionExpression>'
            )
        id = way.flow or self.id("flow")
        self.add(f'<sequenceFlow id="{id}" sourceRef="{way.node}" targetRef="{target}">{condition}</sequenceFlow>')

    def open(self) -> None:
        self.scopes.append(([], []))

    def close(self) -> str:
        elements, artifacts = self.scopes.pop()
        return "".join((*elements, *artifacts))

    def root(self, kind: str, attributes: str) -> str:
        id = self.id(kind)
        self.roots.append(f'<{kind} id="{id}" {attributes}/>')
        return id


@dataclass(frozen=True)
class Way:
    """A sequence flow that still wants its target."""

    node: str
    condition: str | None = None
    flow: str | None = None


@dataclass(frozen=True)
class Continuation:
    """Asynchronous continuations around an element."""

    before: bool = False
    after: bool = False
    exclusive: bool = True

    def attributes(self) -> str:
        text = ""
        if self.before:
            text += ' camunda:asyncBefore="true"'
        if self.after:
            text += ' camunda:asyncAfter="true"'
        if not self.exclusive:
            text += ' camunda:exclusive="false"'
        return text


@dataclass(frozen=True)
class Boundary:
    """A boundary event and what follows it. Interrupting: it joins the way out of its activity; else it ends on its own."""

    kind: str
    interrupting: bool
    body: Leaf | None


@dataclass(frozen=True)
class Leaf:
    """One element. `mapped`: with input and output mappings."""

    kind: str
    continuation: Continuation = Continuation()
    mapped: bool = False

    def element(self, w: Written, *, inner: str = "", attributes: str = "", repeated: bool = False) -> str:
        """Writes the element; returns its id."""
        kind = self.kind
        id = w.id(kind)
        tag, more, content = _leaf(w, kind, id)
        mapping = ""
        if self.mapped and kind in WORK:
            # Camunda refuses output parameters of multi-instance activities.
            output = f'<camunda:outputParameter name="x1">${{in_{id}}}</camunda:outputParameter>'
            mapping = (
                "<extensionElements><camunda:inputOutput>"
                f'<camunda:inputParameter name="in_{id}">${{x0}}</camunda:inputParameter>{"" if repeated else output}'
                "</camunda:inputOutput></extensionElements>"
            )
        w.add(f'<{tag} id="{id}"{more}{attributes}{self.continuation.attributes()}>{mapping}{content}{inner}</{tag}>')
        return id

    def write(self, w: Written, way: Way) -> Way:
        id = self.element(w)
        w.flow(way, id)
        return Way(id)


WORK = ("user", "external", "delegate", "receive", "plain", "script")
"""Leaves that are activities, not events."""
WAITING = ("user", "external", "receive")
EVENTS = ("timer", "message", "signal", "throwSignal", "throwNone", "throwEscalation")


def _leaf(w: Written, kind: str, id: str) -> tuple[str, str, str]:
    """(tag, attributes, content)."""
    if kind == "user":
        return "userTask", ' camunda:candidateUsers="a,b"', ""
    if kind == "external":
        return "serviceTask", ' camunda:type="external" camunda:topic="work"', ""
    if kind == "delegate":
        return "serviceTask", ' camunda:delegateExpression="${work}"', ""
    if kind == "plain":
        return "manualTask", "", ""
    if kind == "script":
        return "scriptTask", ' scriptFormat="javascript"', "<script>1</script>"
    if kind == "receive":
        message = w.root("message", f'name="m_{id}"')
        return "receiveTask", f' messageRef="{message}"', ""
    if kind in ("throwSignal", "throwNone", "throwEscalation"):
        return "intermediateThrowEvent", "", _definition(w, kind.removeprefix("throw").lower(), id)
    return "intermediateCatchEvent", "", _definition(w, kind, id)


def _definition(w: Written, kind: str, id: str) -> str:
    """An event definition."""
    if kind == "timer":
        return '<timerEventDefinition><timeDuration xsi:type="tFormalExpression">PT5S</timeDuration></timerEventDefinition>'
    if kind == "cycle":
        return (
            '<timerEventDefinition><timeCycle xsi:type="tFormalExpression">R2/PT5S</timeCycle></timerEventDefinition>'
        )
    if kind == "message":
        message = w.root("message", f'name="m_{id}"')
        return f'<messageEventDefinition messageRef="{message}"/>'
    if kind == "signal":
        return f'<signalEventDefinition signalRef="signal_{SIGNALS[len(id) % 2]}"/>'
    if kind == "error":
        return '<errorEventDefinition errorRef="error_E1"/>'
    if kind == "anyError":
        return "<errorEventDefinition/>"
    if kind == "escalation":
        return '<escalationEventDefinition escalationRef="escalation_1"/>'
    if kind == "terminate":
        return "<terminateEventDefinition/>"
    if kind == "compensate":
        return "<compensateEventDefinition/>"
    assert kind == "none", kind
    return ""


def _boundaries(w: Written, host: str, boundaries: Sequence[Boundary]) -> Way:
    """Writes the boundary events of `host`; returns the way on from it and from those that interrupt it."""
    merge = None
    if any(b.interrupting for b in boundaries):
        merge = w.id("merge")
        w.add(f'<exclusiveGateway id="{merge}"/>')
        w.flow(Way(host), merge)
    for boundary in boundaries:
        id = w.id("boundary")
        definition = _definition(w, boundary.kind, id)
        cancels = "" if boundary.interrupting else ' cancelActivity="false"'
        w.add(f'<boundaryEvent id="{id}" attachedToRef="{host}"{cancels}>{definition}</boundaryEvent>')
        way = Way(id) if boundary.body is None else boundary.body.write(w, Way(id))
        if boundary.interrupting:
            assert merge is not None
            w.flow(way, merge)
        else:
            end = w.id("end")
            w.add(f'<endEvent id="{end}"/>')
            w.flow(way, end)
    return Way(host if merge is None else merge)


@dataclass(frozen=True)
class Repeat:
    """Multi-instance."""

    sequential: bool
    count: int
    enough: int | None

    def element(self) -> str:
        done = ""
        if self.enough is not None:
            done = f"<completionCondition>${{nrOfCompletedInstances >= {self.enough}}}</completionCondition>"
        return (
            f'<multiInstanceLoopCharacteristics isSequential="{str(self.sequential).lower()}">'
            f"<loopCardinality>{self.count}</loopCardinality>{done}</multiInstanceLoopCharacteristics>"
        )


@dataclass(frozen=True)
class Activity:
    """A task with boundary events, or several instances of it."""

    leaf: Leaf
    boundaries: tuple[Boundary, ...] = ()
    repeat: Repeat | None = None

    def write(self, w: Written, way: Way) -> Way:
        inner = "" if self.repeat is None else self.repeat.element()
        id = self.leaf.element(w, inner=inner, repeated=self.repeat is not None)
        w.flow(way, id)
        return _boundaries(w, id, self.boundaries)


@dataclass(frozen=True)
class Call:
    """A call activity."""

    boundaries: tuple[Boundary, ...] = ()
    continuation: Continuation = Continuation()
    repeat: Repeat | None = None

    def write(self, w: Written, way: Way) -> Way:
        id = w.id("call")
        inner = "" if self.repeat is None else self.repeat.element()
        w.add(
            f'<callActivity id="{id}" calledElement="{CALLED}"{self.continuation.attributes()}><extensionElements>'
            '<camunda:in variables="all"/><camunda:in businessKey="#{execution.processBusinessKey}"/>'
            f'<camunda:out source="x2" target="x2"/></extensionElements>{inner}</callActivity>'
        )
        w.flow(way, id)
        return _boundaries(w, id, self.boundaries)


@dataclass(frozen=True)
class Sub:
    """An embedded sub-process. `end`: its end event. One that throws an error gets a boundary event that catches it."""

    body: Block
    boundaries: tuple[Boundary, ...] = ()
    end: str = "none"
    continuation: Continuation = Continuation()
    repeat: Repeat | None = None

    def write(self, w: Written, way: Way) -> Way:
        id = w.id("sub")
        boundaries = self.boundaries
        if self.end == "error" and not any(b.kind in ("error", "anyError") for b in boundaries):
            boundaries = (*boundaries, Boundary("error", True, None))
        w.open()
        _body(w, self.body, self.end)
        inner = w.close()
        repeat = "" if self.repeat is None else self.repeat.element()
        w.add(f'<subProcess id="{id}"{self.continuation.attributes()}>{repeat}{inner}</subProcess>')
        w.flow(way, id)
        return _boundaries(w, id, boundaries)


def _body(w: Written, body: Block, end: str) -> None:
    start = w.id("start")
    w.add(f'<startEvent id="{start}"/>')
    way = body.write(w, Way(start))
    id = w.id("end")
    w.add(f'<endEvent id="{id}">{_definition(w, end, id)}</endEvent>')
    w.flow(way, id)


@dataclass(frozen=True)
class Sequential:
    """One after the other."""

    parts: tuple[Block, ...]

    def write(self, w: Written, way: Way) -> Way:
        for part in self.parts:
            way = part.write(w, way)
        return way


@dataclass(frozen=True)
class Fork:
    """An exclusive, inclusive or parallel block; None: an empty branch. The last branch is the default one."""

    kind: str
    branches: tuple[Block | None, ...]
    variable: str
    continuation: Continuation = Continuation()

    def write(self, w: Written, way: Way) -> Way:
        fork, join = w.id(self.kind), w.id(self.kind)
        tag = f"{self.kind}Gateway"
        default = w.id("flow") if self.kind != "parallel" else None
        attribute = f' default="{default}"' if default is not None else ""
        w.add(f'<{tag} id="{fork}"{attribute}/>')
        w.add(f'<{tag} id="{join}"{self.continuation.attributes()}/>')
        w.flow(way, fork)
        for number, branch in enumerate(self.branches):
            last = number == len(self.branches) - 1
            if default is None:
                out = Way(fork)
            elif last:
                out = Way(fork, None, default)
            else:
                compare = "==" if self.kind == "exclusive" else ">="
                out = Way(fork, f"${{{self.variable} {compare} {number}}}")
            w.flow(out if branch is None else branch.write(w, out), join)
        return Way(join)


@dataclass(frozen=True)
class Loop:
    """Rounds that a variable counts."""

    body: Block
    rounds: int

    def write(self, w: Written, way: Way) -> Way:
        enter, count, leave = w.id("merge"), w.id("count"), w.id("again")
        counter = f"n_{count}"
        w.counters.append(counter)
        again = f"${{{counter} < {self.rounds}}}"
        default = w.id("flow")
        w.add(f'<exclusiveGateway id="{enter}"/>')
        expression = quoteattr(f"${{execution.setVariable('{counter}', {counter} + 1)}}")
        w.add(f'<serviceTask id="{count}" camunda:expression={expression}/>')
        w.add(f'<exclusiveGateway id="{leave}" default="{default}"/>')
        w.flow(way, enter)
        w.flow(self.body.write(w, Way(enter)), count)
        w.flow(Way(count), leave)
        w.flow(Way(leave, again), enter)
        return Way(leave, None, default)


@dataclass(frozen=True)
class Choice:
    """An event-based gateway."""

    events: tuple[str, ...]
    after: tuple[Leaf | None, ...]

    def write(self, w: Written, way: Way) -> Way:
        gateway, join = w.id("choice"), w.id("merge")
        w.add(f'<eventBasedGateway id="{gateway}"/><exclusiveGateway id="{join}"/>')
        w.flow(way, gateway)
        for kind, leaf in zip(self.events, self.after, strict=True):
            out = Leaf(kind).write(w, Way(gateway))
            w.flow(out if leaf is None else leaf.write(w, out), join)
        return Way(join)


@dataclass(frozen=True)
class Compensated:
    """A sub-process whose tasks have compensation handlers and that throws compensation. `nested`: which of the tasks
    stand in a sub-process of their own, so that its scope is kept."""

    tasks: tuple[Leaf, ...]
    handlers: tuple[Leaf, ...]
    nested: tuple[bool, ...]
    parallel: bool
    at_end: bool

    def write(self, w: Written, way: Way) -> Way:
        sub = w.id("sub")
        w.open()
        start, end = w.id("start"), w.id("end")
        w.add(f'<startEvent id="{start}"/>')
        at = Way(start)
        steps = [
            _Undoable(task, handler, nested)
            for task, handler, nested in zip(self.tasks, self.handlers, self.nested, strict=True)
        ]
        body: Block = Fork("parallel", tuple(steps), "x0") if self.parallel else Sequential(tuple(steps))
        at = body.write(w, at)
        if not self.at_end:
            throw = w.id("compensate")
            w.add(f'<intermediateThrowEvent id="{throw}"><compensateEventDefinition/></intermediateThrowEvent>')
            w.flow(at, throw)
            at = Way(throw)
        w.add(f'<endEvent id="{end}">{"<compensateEventDefinition/>" if self.at_end else ""}</endEvent>')
        w.flow(at, end)
        w.add(f'<subProcess id="{sub}">{w.close()}</subProcess>')
        w.flow(way, sub)
        return Way(sub)


@dataclass(frozen=True)
class _Undoable:
    task: Leaf
    handler: Leaf
    nested: bool

    def write(self, w: Written, way: Way) -> Way:
        if self.nested:
            return Sub(_Undoable(self.task, self.handler, False)).write(w, way)
        task = self.task.element(w)
        handler = self.handler.element(w, attributes=' isForCompensation="true"')
        event = w.id("boundary")
        w.add(f'<boundaryEvent id="{event}" attachedToRef="{task}"><compensateEventDefinition/></boundaryEvent>')
        w.artifact(
            f'<association id="{w.id("association")}" associationDirection="One" sourceRef="{event}" targetRef="{handler}"/>'
        )
        w.handlers[handler] = task
        w.flow(way, task)
        return Way(task)


Block = Leaf | Activity | Call | Sub | Sequential | Fork | Loop | Choice | Compensated | _Undoable


@dataclass(frozen=True)
class Model:
    """A process, and the one that its call activities call."""

    main: Block
    called: Block

    def xml(self) -> tuple[str, Written]:
        """The BPMN file with both, and what is known about them."""
        w = Written()
        processes = []
        for key, body in (("main", self.main), (CALLED, self.called)):
            w.open()
            _body(w, body, "none")
            processes.append(f'<process id="{key}" isExecutable="true">{w.close()}</process>')
        roots = "".join(
            [
                *w.roots,
                *(f'<signal id="signal_{name}" name="{name}"/>' for name in SIGNALS),
                *(f'<error id="error_{code}" errorCode="{code}"/>' for code in ERRORS),
                '<escalation id="escalation_1" escalationCode="X1"/>',
            ]
        )
        return f"<definitions {NAMESPACES}>{roots}{''.join(processes)}</definitions>", w


# ------------------------------------------------------------------------------------------ strategies

_continuations = st.one_of(
    st.just(Continuation()),
    st.just(Continuation()),
    st.builds(Continuation, before=st.booleans(), after=st.booleans(), exclusive=st.booleans()),
)
_work = st.builds(
    Leaf,
    kind=st.sampled_from(WORK),
    continuation=_continuations,
    mapped=st.sampled_from([False, False, True]),
)
_waiting = st.builds(
    Leaf, kind=st.sampled_from(WAITING), continuation=_continuations, mapped=st.sampled_from([False, False, True])
)
_events = st.builds(Leaf, kind=st.sampled_from(EVENTS), continuation=_continuations)
_leaves = st.one_of(_work, _work, _events)
_quick = st.builds(Leaf, kind=st.sampled_from(("plain", "delegate", "user")))


@st.composite
def _boundary_lists(draw: st.DrawFn, *, tasks: bool = False) -> tuple[Boundary, ...]:
    kinds = draw(
        st.lists(
            st.sampled_from(["timer", "cycle", "message", "signal", "error", "escalation"]), max_size=2, unique=True
        )
    )
    if tasks:
        kinds = [kind for kind in kinds if kind != "escalation"]
    found = []
    for kind in kinds:
        interrupting = kind == "error" or (kind != "cycle" and draw(st.booleans()))
        found.append(Boundary(kind, interrupting, draw(st.none() | _quick)))
    return tuple(found)


_repeats = st.builds(
    Repeat,
    sequential=st.booleans(),
    count=st.integers(1, 3),
    enough=st.none() | st.integers(1, 2),
)


def _activities() -> st.SearchStrategy[Block]:
    return st.builds(Activity, leaf=_waiting, boundaries=_boundary_lists(tasks=True), repeat=st.none() | _repeats)


@st.composite
def _choices(draw: st.DrawFn) -> Choice:
    events = tuple(draw(st.permutations(["timer", "message", "signal"]))[: draw(st.integers(2, 3))])
    return Choice(events, tuple(draw(st.none() | _quick) for _ in events))


@st.composite
def _compensated(draw: st.DrawFn) -> Compensated:
    size = draw(st.integers(1, 3))
    return Compensated(
        tuple(draw(_work) for _ in range(size)),
        tuple(draw(_quick) for _ in range(size)),
        tuple(draw(st.booleans()) for _ in range(size)),
        draw(st.booleans()),
        draw(st.booleans()),
    )


def blocks(depth: int, *, calls: bool = True) -> st.SearchStrategy[Block]:
    """Blocks nested at most `depth` deep; `calls`: with call activities."""
    small: list[st.SearchStrategy[Block]] = [_leaves, _activities(), _choices(), _compensated()]
    if calls:
        small.append(
            st.builds(Call, boundaries=_boundary_lists(), continuation=_continuations, repeat=st.none() | _repeats)
        )
    if depth == 0:
        return st.one_of(*small)
    inner = blocks(depth - 1, calls=calls)
    return st.one_of(
        *small,
        st.builds(Sequential, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        st.builds(
            Fork,
            kind=st.sampled_from(["exclusive", "inclusive", "parallel"]),
            branches=st.lists(st.none() | inner, min_size=2, max_size=3).map(tuple),
            variable=st.sampled_from(VARIABLES),
            continuation=_continuations,
        ),
        st.builds(
            Sub,
            body=inner,
            boundaries=_boundary_lists(),
            end=st.sampled_from(["none", "none", "error", "terminate", "escalation"]),
            continuation=_continuations,
            repeat=st.none() | st.none() | _repeats,
        ),
        st.builds(Loop, body=inner, rounds=st.integers(1, 3)),
    )


def models(depth: int = 2) -> st.SearchStrategy[Model]:
    """Whole models."""
    return st.builds(
        Model,
        main=st.builds(Sequential, st.lists(blocks(depth), min_size=1, max_size=3).map(tuple)),
        called=blocks(1, calls=False),
    )
