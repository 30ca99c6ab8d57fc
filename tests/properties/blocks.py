"""Blocks of random models: every kind of element contributes one, with one way in and one way out.

A block knows how to write itself as BPMN; a model is a tree of blocks, so Hypothesis can shrink it block by block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from written import DECISION, DELEGATE, TOPIC, Way, Written, definition

CALLED = ("called", "deep")
"""Keys of the processes that call activities call: the main process calls the first, that one the second."""

WORK = (
    "user", "external", "delegate", "receive", "plain", "script", "expression", "rule", "send", "task", "signalled",
)  # fmt: skip
"""Leaves that are activities, not events."""
WAITING = ("user", "external", "receive", "signalled")
CATCHES = ("timer", "message", "signal", "gate")
THROWS = ("none", "signal", "signalAsync", "escalation", "sent", "asked")
LISTENERS = ("", "", "", "start", "end", "delegate", "create", "complete", "delete", "assignment", "timeout")


@dataclass(frozen=True)
class Continuation:
    """Asynchronous continuations around an element."""

    before: bool = False
    after: bool = False
    exclusive: bool = True
    retries: int = 0
    """Of `failedJobRetryTimeCycle`; 0: the default."""

    def attributes(self) -> str:
        text = ""
        if self.before:
            text += ' camunda:asyncBefore="true"'
        if self.after:
            text += ' camunda:asyncAfter="true"'
        if not self.exclusive:
            text += ' camunda:exclusive="false"'
        return text

    def extension(self) -> str:
        if not self.retries:
            return ""
        return f"<camunda:failedJobRetryTimeCycle>R{self.retries}/PT1M</camunda:failedJobRetryTimeCycle>"


@dataclass(frozen=True)
class Repeat:
    """Multi-instance. `of`: a number of instances, or the collection `many`."""

    sequential: bool
    of: int | str
    enough: str | None
    before: bool = False
    """An asynchronous continuation before each instance; likewise `after`."""
    after: bool = False

    def element(self) -> str:
        inner = Continuation(self.before, self.after).attributes()
        if isinstance(self.of, str):
            inner += f' camunda:collection="{self.of}" camunda:elementVariable="one"'
        done = "" if self.enough is None else f"<completionCondition>${{{self.enough}}}</completionCondition>"
        count = f"<loopCardinality>{self.of}</loopCardinality>" if isinstance(self.of, int) else ""
        return (
            f'<multiInstanceLoopCharacteristics isSequential="{str(self.sequential).lower()}"{inner}>'
            f"{count}{done}</multiInstanceLoopCharacteristics>"
        )


def _loop(repeat: Repeat | None) -> str:
    return "" if repeat is None else repeat.element()


@dataclass(frozen=True)
class Leaf:
    """One activity. `mapped`: with input and output mappings."""

    kind: str
    continuation: Continuation = Continuation()
    mapped: bool = False
    listener: str = ""

    def element(self, w: Written, *, inner: str = "", attributes: str = "", repeated: bool = False) -> str:
        """Writes the element; returns its id."""
        id = w.id(self.kind)
        tag, more, content = _LEAVES[self.kind]
        if self.kind == "receive":
            more = f' messageRef="{w.message(id)}"'
        extension = self.continuation.extension() + self._mapping(id, repeated) + self._listener()
        if extension:
            extension = f"<extensionElements>{extension}</extensionElements>"
        attributes += self.continuation.attributes()
        w.add(f'<{tag} id="{id}"{more}{attributes}>{extension}{inner}{content}</{tag}>')
        return id

    def _mapping(self, id: str, repeated: bool) -> str:
        if not self.mapped:
            return ""
        # Camunda refuses output parameters of multi-instance activities.
        output = "" if repeated else f'<camunda:outputParameter name="x1">${{in_{id}}}</camunda:outputParameter>'
        inner = f'<camunda:inputParameter name="in_{id}">${{x0}}</camunda:inputParameter>{output}'
        return f"<camunda:inputOutput>{inner}</camunda:inputOutput>"

    def _listener(self) -> str:
        if self.listener in ("start", "end"):
            expression = quoteattr("${execution.setVariable('x1', x0)}")
            return f'<camunda:executionListener event="{self.listener}" expression={expression}/>'
        if self.listener == "delegate":
            return f'<camunda:executionListener event="start" delegateExpression="{DELEGATE}"/>'
        if not self.listener or self.kind != "user":
            return ""
        timer = definition(Written(), "timer", "") if self.listener == "timeout" else ""
        return (
            f'<camunda:taskListener id="heard" event="{self.listener}" delegateExpression="{DELEGATE}">{timer}'
            "</camunda:taskListener>"
        )

    def write(self, w: Written, way: Way) -> Way:
        id = self.element(w)
        w.flow(way, id)
        return Way(id)


_EXTERNAL = f' camunda:type="external" camunda:topic="{TOPIC}"'
_LEAVES = {
    "user": ("userTask", ' camunda:candidateUsers="a,b" camunda:assignee="${x0 == 3 ? \'c\' : null}"', ""),
    "external": ("serviceTask", _EXTERNAL, ""),
    "delegate": ("serviceTask", f' camunda:delegateExpression="{DELEGATE}"', ""),
    "expression": ("serviceTask", ' camunda:expression="${x0 + 1}" camunda:resultVariable="x2"', ""),
    "rule": (
        "businessRuleTask",
        f' camunda:decisionRef="{DECISION}" camunda:resultVariable="x2" camunda:mapDecisionResult="singleEntry"',
        "",
    ),
    "send": ("sendTask", _EXTERNAL, ""),
    "plain": ("manualTask", "", ""),
    "task": ("task", "", ""),
    "script": ("scriptTask", ' scriptFormat="javascript"', "<script>1</script>"),
    "receive": ("receiveTask", "", ""),
    "signalled": ("receiveTask", "", ""),
}
"""Kind → (tag, attributes, content)."""


@dataclass(frozen=True)
class Event:
    """An intermediate event. `kind`: of `CATCHES` or `THROWS`."""

    kind: str
    catches: bool
    continuation: Continuation = Continuation()

    def write(self, w: Written, way: Way) -> Way:
        id = w.id(self.kind if self.catches else f"{self.kind}Throw")
        tag = "intermediateCatchEvent" if self.catches else "intermediateThrowEvent"
        w.add(f'<{tag} id="{id}"{self.continuation.attributes()}>{definition(w, self.kind, id)}</{tag}>')
        w.flow(way, id)
        return Way(id)


@dataclass(frozen=True)
class Link:
    """A link event and where it leads."""

    body: Leaf | None

    def write(self, w: Written, way: Way) -> Way:
        throw, catch = w.id("linkThrow"), w.id("linkCatch")
        link = f'<linkEventDefinition name="{throw}"/>'
        w.add(f'<intermediateThrowEvent id="{throw}">{link}</intermediateThrowEvent>')
        w.add(f'<intermediateCatchEvent id="{catch}">{link}</intermediateCatchEvent>')
        w.flow(way if self.body is None else self.body.write(w, way), throw)
        return Way(catch)


@dataclass(frozen=True)
class Boundary:
    """A boundary event and what follows it. Interrupting: it joins the way out of its activity; else it ends on its own."""

    kind: str
    interrupting: bool
    body: Leaf | None = None


def _boundaries(w: Written, host: str, boundaries: Sequence[Boundary]) -> Way:
    """Writes the boundary events of `host`; returns the way on from it and from those that interrupt it."""
    merge = None
    if any(b.interrupting for b in boundaries):
        merge = w.id("merge")
        w.add(f'<exclusiveGateway id="{merge}"/>')
        w.flow(Way(host), merge)
    for boundary in boundaries:
        id = w.id("boundary")
        cancels = "" if boundary.interrupting else ' cancelActivity="false"'
        inner = definition(w, boundary.kind, id)
        w.add(f'<boundaryEvent id="{id}" attachedToRef="{host}"{cancels}>{inner}</boundaryEvent>')
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
class Activity:
    """A task with boundary events, or several instances of it."""

    leaf: Leaf
    boundaries: tuple[Boundary, ...] = ()
    repeat: Repeat | None = None

    def write(self, w: Written, way: Way) -> Way:
        id = self.leaf.element(w, inner=_loop(self.repeat), repeated=self.repeat is not None)
        w.flow(way, id)
        return _boundaries(w, id, self.boundaries)


@dataclass(frozen=True)
class Call:
    """A call activity. `level`: which process it calls. `chosen`: by an expression."""

    level: int = 0
    boundaries: tuple[Boundary, ...] = ()
    continuation: Continuation = Continuation()
    repeat: Repeat | None = None
    chosen: bool = False

    def write(self, w: Written, way: Way) -> Way:
        id = w.id("call")
        key = CALLED[self.level]
        called = f"${{x0 >= 0 ? '{key}' : ''}}" if self.chosen else key
        w.add(
            f'<callActivity id="{id}" calledElement={quoteattr(called)}{self.continuation.attributes()}>'
            '<extensionElements><camunda:in variables="all"/>'
            '<camunda:in businessKey="#{execution.processBusinessKey}"/>'
            f'<camunda:out source="x2" target="x2"/></extensionElements>{_loop(self.repeat)}</callActivity>'
        )
        w.flow(way, id)
        return _boundaries(w, id, self.boundaries)


@dataclass(frozen=True)
class Listening:
    """An event sub-process."""

    kind: str
    interrupting: bool
    body: Leaf | None
    end: str = "none"

    def write(self, w: Written) -> None:
        id, start = w.id("eventSub"), w.id("eventStart")
        w.open()
        how = str(self.interrupting).lower()
        w.add(f'<startEvent id="{start}" isInterrupting="{how}">{definition(w, self.kind, start)}</startEvent>')
        way = Way(start) if self.body is None else self.body.write(w, Way(start))
        _end(w, way, self.end)
        w.add(f'<subProcess id="{id}" triggeredByEvent="true">{w.close()}</subProcess>')


def _end(w: Written, way: Way, kind: str) -> None:
    id = w.id("end")
    w.add(f'<endEvent id="{id}">{definition(w, kind, id)}</endEvent>')
    w.flow(way, id)


@dataclass(frozen=True)
class Sub:
    """An embedded sub-process. `end`: its end event. One that throws an error gets a boundary event that catches it."""

    body: Block
    boundaries: tuple[Boundary, ...] = ()
    end: str = "none"
    continuation: Continuation = Continuation()
    repeat: Repeat | None = None
    listening: tuple[Listening, ...] = ()

    def write(self, w: Written, way: Way) -> Way:
        id = w.id("sub")
        boundaries = self.boundaries
        if self.end == "error" and not any(b.kind in ("error", "anyError") for b in boundaries):
            boundaries = (*boundaries, Boundary("error", True))
        w.open()
        _body(w, self.body, self.end, self.listening)
        inner = w.close()
        w.add(f'<subProcess id="{id}"{self.continuation.attributes()}>{_loop(self.repeat)}{inner}</subProcess>')
        w.flow(way, id)
        return _boundaries(w, id, boundaries)


def _body(w: Written, body: Block, end: str, listening: Sequence[Listening] = (), twice: bool = False) -> None:
    start = w.id("start")
    w.add(f'<startEvent id="{start}"/>')
    way = Way(start)
    if twice:
        fork, merge = w.id("parallel"), w.id("merge")
        w.add(f'<parallelGateway id="{fork}"/><exclusiveGateway id="{merge}"/>')
        w.flow(way, fork)
        w.flow(Way(fork), merge)
        w.flow(Way(fork), merge)
        way = Way(merge)
    _end(w, body.write(w, way), end)
    for event in listening:
        event.write(w)


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
    """An exclusive, inclusive or parallel block, or conditional flows out of a task that an inclusive gateway joins. None:
    an empty branch. The last branch is the default one."""

    kind: str
    branches: tuple[Block | None, ...]
    variable: str
    continuation: Continuation = Continuation()

    def write(self, w: Written, way: Way) -> Way:
        parallel, split = self.kind == "parallel", self.kind == "split"
        gateway = "inclusive" if split else self.kind
        fork, join = w.id("plain" if split else gateway), w.id(gateway)
        default = None if parallel else w.id("flow")
        attribute = "" if default is None else f' default="{default}"'
        w.add(f'<manualTask id="{fork}"{attribute}/>' if split else f'<{gateway}Gateway id="{fork}"{attribute}/>')
        w.add(f'<{gateway}Gateway id="{join}"{self.continuation.attributes()}/>')
        w.flow(way, fork)
        for number, branch in enumerate(self.branches):
            out = Way(fork, self._condition(number), default if number == len(self.branches) - 1 else None)
            w.flow(out if branch is None else branch.write(w, out), join)
        return Way(join)

    def _condition(self, number: int) -> str | None:
        if self.kind == "parallel" or number == len(self.branches) - 1:
            return None
        compare = "==" if self.kind == "exclusive" else ">="
        return f"${{{self.variable} {compare} {number}}}"


@dataclass(frozen=True)
class Loop:
    """Rounds that a variable of the loop's own counts."""

    body: Block
    rounds: int

    def write(self, w: Written, way: Way) -> Way:
        enter, count, leave = w.id("merge"), w.id("count"), w.id("again")
        counter = f"n_{count}"
        default = w.id("flow")
        w.add(f'<exclusiveGateway id="{enter}"/>')
        known = f"execution.hasVariable('{counter}') ? execution.getVariable('{counter}') + 1 : 1"
        expression = quoteattr(f"${{execution.setVariable('{counter}', {known})}}")
        w.add(f'<serviceTask id="{count}" camunda:expression={expression}/>')
        w.add(f'<exclusiveGateway id="{leave}" default="{default}"/>')
        w.flow(way, enter)
        w.flow(self.body.write(w, Way(enter)), count)
        w.flow(Way(count), leave)
        w.flow(Way(leave, f"${{{counter} < {self.rounds}}}"), enter)
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
            out = Event(kind, True).write(w, Way(gateway))
            w.flow(out if leaf is None else leaf.write(w, out), join)
        return Way(join)


@dataclass(frozen=True)
class Undoable:
    """A task with a compensation handler. `around`: what it stands in, so that a scope is kept: "", `sub`, `many` (a
    multi-instance sub-process), `loop`."""

    task: Leaf
    handler: Leaf
    around: str = ""
    repeat: Repeat | None = None
    handler_is_sub: bool = False

    def write(self, w: Written, way: Way) -> Way:
        if self.around:
            inner = Undoable(self.task, self.handler, "", self.repeat, self.handler_is_sub)
            if self.around == "loop":
                return Loop(inner, 2).write(w, way)
            return Sub(inner, repeat=Repeat(False, 2, None) if self.around == "many" else None).write(w, way)
        task = self.task.element(w, inner=_loop(self.repeat), repeated=self.repeat is not None)
        handler = self._handler(w)
        event = w.id("boundary")
        w.add(f'<boundaryEvent id="{event}" attachedToRef="{task}"><compensateEventDefinition/></boundaryEvent>')
        id = w.id("association")
        w.artifact(f'<association id="{id}" associationDirection="One" sourceRef="{event}" targetRef="{handler}"/>')
        w.flow(way, task)
        return Way(task)

    def _handler(self, w: Written) -> str:
        if not self.handler_is_sub:
            return self.handler.element(w, attributes=' isForCompensation="true"')
        id = w.id("undo")
        w.open()
        _body(w, self.handler, "none")
        w.add(f'<subProcess id="{id}" isForCompensation="true">{w.close()}</subProcess>')
        return id


@dataclass(frozen=True)
class Compensated:
    """A sub-process or transaction whose tasks have compensation handlers. `how`: what throws compensation: `throw` and
    `end` events inside, a `cancel` end event, one `after` the sub-process, a compensation event sub-process (`event`)
    that takes the handlers' place, or nothing (`never`)."""

    steps: tuple[Undoable, ...]
    parallel: bool
    how: str
    repeat: Repeat | None = None
    listening: tuple[Listening, ...] = ()

    def write(self, w: Written, way: Way) -> Way:
        id = w.id("transaction" if self.how == "cancel" else "sub")
        body: Block = Fork("parallel", self.steps, "x0") if self.parallel else Sequential(self.steps)
        if self.how == "throw":
            body = Sequential((body, Throwing()))
        w.open()
        _body(w, body, {"cancel": "cancel", "end": "compensate"}.get(self.how, "none"), self._listening())
        tag = "transaction" if self.how == "cancel" else "subProcess"
        w.add(f'<{tag} id="{id}">{_loop(self.repeat)}{w.close()}</{tag}>')
        w.flow(way, id)
        if self.how == "cancel":
            return _boundaries(w, id, (Boundary("cancel", True),))
        if self.how in ("after", "event"):
            return Throwing().write(w, Way(id))
        return Way(id)

    def _listening(self) -> tuple[Listening, ...]:
        if self.how == "event":
            return (*self.listening, Listening("compensate", True, self.steps[0].handler))
        return self.listening


@dataclass(frozen=True)
class Throwing:
    """Compensation of everything that has completed in the scope."""

    def write(self, w: Written, way: Way) -> Way:
        id = w.id("compensate")
        w.add(f'<intermediateThrowEvent id="{id}"><compensateEventDefinition/></intermediateThrowEvent>')
        w.flow(way, id)
        return Way(id)


Block = (
    Leaf | Event | Link | Activity | Call | Sub | Sequential | Fork | Loop | Choice | Undoable | Compensated | Throwing
)


@dataclass(frozen=True)
class Process:
    """A whole process. `twice`: two tokens go through all of it."""

    body: Block
    end: str = "none"
    listening: tuple[Listening, ...] = ()
    twice: bool = False
    start: str = "none"
    """Another start event beside the none start event, which leads to the same place: `message`, `signal`."""

    def write(self, w: Written, key: str) -> str:
        w.open()
        _body(w, self.body, self.end, self.listening, self.twice)
        if self.start != "none":
            id, task, end = w.id("otherStart"), w.id("user"), w.id("end")
            w.add(f'<startEvent id="{id}">{definition(w, self.start, id)}</startEvent>')
            w.add(f'<userTask id="{task}"/><endEvent id="{end}"/>')
            w.flow(Way(id), task)
            w.flow(Way(task), end)
        return f'<process id="{key}" isExecutable="true">{w.close()}</process>'


@dataclass(frozen=True)
class Model:
    """A process, and those that its call activities call."""

    main: Process
    called: Process
    deep: Process

    def xml(self) -> str:
        """The BPMN file with the first process and those that it reaches."""
        w = Written()
        found = ""
        for key, process in zip(("main", *CALLED), (self.main, self.called, self.deep), strict=True):
            text = process.write(w, key)
            found += text
            if "<callActivity" not in text:
                break
        return w.file(found)
