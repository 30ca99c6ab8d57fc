"""One small model per rule: what is refused, with whose message, at which element."""

# ruff: noqa: E501 -- the models read better in one piece

import pytest

from penstock.base.errors import ParseFailed
from penstock.model.findings import Finding, Severity
from penstock.model.log import UnreadableResource
from penstock.model.reader import read_bpmn

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" '
    'targetNamespace="t">'
)


def file(content: str, roots: str = "", after: str = "") -> bytes:
    return f'{HEAD}{roots}<process id="p" isExecutable="true">{content}</process>{after}</definitions>'.encode()


def errors_of(data: bytes) -> list[Finding]:
    with pytest.raises(ParseFailed) as caught:
        read_bpmn(data, "a.bpmn")
    assert caught.value.message.startswith("ENGINE-09005 Could not parse BPMN process. Errors: \n* ")
    return [f for f in caught.value.findings["a.bpmn"] if f.severity is Severity.ERROR]


START = '<startEvent id="s"/>'
TASK = '<task id="a"/>'
EXT = "<extensionElements>{}</extensionElements>"
SUB = '<subProcess id="u" {}>{}</subProcess>'
GATE = '<exclusiveGateway id="g" {}/><task id="a"/><task id="b"/>'
IF = '<conditionExpression xsi:type="tFormalExpression">${x}</conditionExpression>'


def flow(own: str, source: str, target: str, inside: str = "") -> str:
    return f'<sequenceFlow id="{own}" sourceRef="{source}" targetRef="{target}">{inside}</sequenceFlow>'


def el(opening: str, extension: str) -> str:
    return f"{opening}{EXT.format(extension)}</{opening[1:-1].split()[0]}>"


def boundary(own: str, definition: str, more: str = "") -> str:
    return f'<boundaryEvent id="{own}" attachedToRef="a" {more}>{definition}</boundaryEvent>'


MESSAGE = '<message id="m" name="hello"/><message id="m2" name="hello"/><message id="e" name=" "/><message id="x" name="${y}"/>'
ON_MESSAGE = '<messageEventDefinition messageRef="m"/>'

RULES = [
    ("no start", "", TASK, "process must define a startEvent element", ["p"]),
    ("two none starts", "", START + '<startEvent id="s2"/>', "multiple none start events or timer start events", ["s2"]),
    ("sub-process without a start", "", START + SUB.format("", ""), "subProcess must define a startEvent", ["u"]),
    ("two starts in a sub-process", "", START + SUB.format("", '<startEvent id="x1"/><startEvent id="x2"/>'),
     "multiple start events not supported for subprocess", ["x2"]),
    ("message start in a sub-process", MESSAGE, START + SUB.format("", f'<startEvent id="xs">{ON_MESSAGE}</startEvent>'),
     "messageEventDefinition only allowed on start event if subprocess is an event subprocess", ["xs"]),
    ("event sub-process with a none start", "", START + SUB.format('triggeredByEvent="true"', '<startEvent id="x"/>'),
     "start event of event subprocess must be of type", ["x"]),
    ("error start not interrupting", "",
     START + SUB.format('triggeredByEvent="true"',
                        '<startEvent id="x" isInterrupting="false"><errorEventDefinition/></startEvent>'),
     "error start event of event subprocess must be interrupting", ["x"]),
    ("compensation start at process level", "",
     START + SUB.format('triggeredByEvent="true"', '<startEvent id="x"><compensateEventDefinition/></startEvent>'),
     "only supported for embedded subprocess", ["x"]),
    ("message without a reference", "", START + '<intermediateCatchEvent id="c"><messageEventDefinition/>'
     "</intermediateCatchEvent>", "attribute 'messageRef' is required", ["c", "c"]),
    ("unknown message", "", START + '<receiveTask id="c" messageRef="nope"/>',
     "Invalid 'messageRef': no message with id 'nope' found.", ["c"]),
    ("empty message name", MESSAGE, '<startEvent id="s"><messageEventDefinition messageRef="e"/></startEvent>',
     "Cannot have a message event subscription with an empty or missing name", ["s"]),
    ("expression as start message", MESSAGE, '<startEvent id="s"><messageEventDefinition messageRef="x"/></startEvent>',
     "expressions in the message start event name are not allowed!", ["s"]),
    ("same start message twice", MESSAGE,
     f'<startEvent id="s">{ON_MESSAGE}</startEvent><startEvent id="s2"><messageEventDefinition messageRef="m2"/></startEvent>',
     "more than one message event subscription with name 'hello' for scope 'p'", ["s2"]),
    ("same boundary message twice", MESSAGE, START + TASK + boundary("b1", ON_MESSAGE) + boundary("b2", ON_MESSAGE),
     "more than one message event subscription with name 'hello' for scope 'a'", ["b2"]),
    ("signal without a reference", "", START + '<endEvent id="e"><signalEventDefinition/></endEvent>',
     "signalEventDefinition does not have required property 'signalRef'", ["e"]),
    ("signal without a name", '<signal id="sig"/>', START, "signal with id 'sig' has no name", ["sig"]),
    ("signal name twice", '<signal id="s1" name="n"/><signal id="s2" name="n"/>', START, "duplicate signal name 'n'.", ["s2"]),
    ("timer without a time", "", START + '<intermediateCatchEvent id="c"><timerEventDefinition id="t"/>'
     "</intermediateCatchEvent>", "Timer needs configuration", ["c"]),
    ("catch event of no kind", "", START + '<intermediateCatchEvent id="c"/>', "Unsupported intermediate catch event", ["c"]),
    ("link twice", "", START + "".join(
        f'<intermediateCatchEvent id="{i}"><linkEventDefinition name="l"/></intermediateCatchEvent>' for i in "cd"),
     "Multiple Intermediate Catch Events with the same link event name ('l') are not allowed.", ["d"]),
    ("link without a target", "", START + '<intermediateThrowEvent id="t"><linkEventDefinition name="l"/>'
     "</intermediateThrowEvent>" + flow("f", "s", "t"), "sequence flow points to link event source with name 'l'", ["f"]),
    ("error end without a reference", "", START + '<endEvent id="e"><errorEventDefinition/></endEvent>',
     "'errorRef' attribute is mandatory on error end event", ["e"]),
    ("error end without a code", '<error id="err"/>', START + '<endEvent id="e"><errorEventDefinition errorRef="err"/></endEvent>',
     "'errorCode' is mandatory on errors referenced by throwing", ["e"]),
    ("cancel end outside a transaction", "", START + '<endEvent id="e"><cancelEventDefinition/></endEvent>',
     "only supported inside transaction subprocess", ["e"]),
    ("cancel boundary on a task", "", START + TASK + boundary("b", "<cancelEventDefinition/>"),
     "only supported on transaction subprocesses", ["b"]),
    ("escalation boundary on a task", '<escalation id="x" escalationCode="1"/>',
     START + TASK + boundary("b", '<escalationEventDefinition escalationRef="x"/>'),
     "should only be attached to a subprocess, a call activity or an user task", ["b"]),
    ("escalation thrown without a code", '<escalation id="x"/>',
     START + '<endEvent id="e"><escalationEventDefinition escalationRef="x"/></endEvent>',
     "escalation end event must have an 'escalationCode'", ["e"]),
    ("boundary event of no activity", "", START + '<boundaryEvent id="b" attachedToRef="zz"><errorEventDefinition/></boundaryEvent>',
     "Invalid reference in boundary event.", ["b"]),
    ("boundary event of no kind", "", START + TASK + boundary("b", ""), "Unsupported boundary event type", ["b"]),
    ("two compensation boundary events", "", START + TASK + boundary("b", "<compensateEventDefinition/>")
     + boundary("c", "<compensateEventDefinition/>"), "multiple boundary events with compensateEventDefinition", ["c"]),
    ("compensation of an ordinary task", "", START + TASK + '<task id="z"/>' + boundary("b", "<compensateEventDefinition/>")
     + '<association id="as" sourceRef="b" targetRef="z"/>', "must be connected to element with isForCompensation=true", ["b"]),
    ("flow into a compensation handler", "", START + '<task id="z" isForCompensation="true"/>' + flow("f", "s", "z"),
     "Invalid incoming sequence flow of compensation activity 'z'.", ["z"]),
    ("compensation of nothing", "", START + '<endEvent id="e"><compensateEventDefinition activityRef="q"/></endEvent>',
     "Invalid attribute value for 'activityRef': no activity with id 'q' in scope 'p'", ["e"]),
    ("association to nowhere", "", START + TASK + '<association id="as" sourceRef="a" targetRef="nowhere"/>',
     "Invalid reference targetRef 'nowhere' of association element", ["as"]),
    ("gateway without a way out", "", START + '<exclusiveGateway id="g"/>', "has no outgoing sequence flows", ["g"]),
    ("only flow with a condition", "", START + GATE.format("") + flow("f", "g", "a", IF),
     "This is not allowed to have a condition", ["g"]),
    ("default flow with a condition", "", START + GATE.format('default="f"') + flow("f", "g", "a", IF) + flow("h", "g", "b", IF),
     "which is the default flow but has a condition too", ["g"]),
    ("two flows without a condition", "", START + GATE.format("") + flow("f", "g", "a") + flow("h", "g", "b"),
     "without condition which is not the default flow", ["g", "g"]),
    ("flow into another scope", "", START + SUB.format("", '<startEvent id="x"/><task id="y"/>') + flow("f", "s", "y"),
     "Invalid destination 'y' of sequence flow 'f'", ["f"]),
    ("flow out of an event sub-process", "",
     START + TASK + SUB.format('triggeredByEvent="true"', '<startEvent id="x"><errorEventDefinition/></startEvent>')
     + flow("f", "u", "a"), "Invalid outgoing sequence flow of event subprocess", ["f"]),
    ("event-based gateway to a task", "", START + '<eventBasedGateway id="g"/>' + TASK + flow("f", "g", "a"),
     "Event based gateway can only be connected to elements of type intermediateCatchEvent", ["g"]),
    ("asyncAfter on an event-based gateway", "", START + '<eventBasedGateway id="g" camunda:asyncAfter="true"/>',
     "'asyncAfter' not supported for eventBasedGateway elements.", ["g"]),
    ("asyncAfter and a flow without an id", "", START + TASK.replace("/>", ' camunda:asyncAfter="true"/>') + '<task id="b"/>'
     '<sequenceFlow sourceRef="a" targetRef="b"/>', "must have an id, activity with id 'a' uses 'asyncAfter'", ["a"]),
    ("service task of no kind", "", START + '<serviceTask id="a"/>',
     "One of the attributes 'class', 'delegateExpression', 'type', or 'expression' is mandatory on serviceTask", ["a"]),
    ("type that is none", "", START + '<serviceTask id="a" camunda:type="magic" camunda:expression="${x}"/>',
     "Invalid usage of type attribute on serviceTask: 'magic'", ["a", "a"]),
    ("external without a topic", "", START + '<serviceTask id="a" camunda:type="external"/>',
     "External tasks must specify a 'topic' attribute", ["a"]),
    ("bad job priority", "", START + '<task id="a" camunda:jobPriority="high"/>',
     "Value 'high' for attribute 'jobPriority' is not a valid number", ["a"]),
    ("decision mapper", "", START + '<businessRuleTask id="a" camunda:decisionRef="d" camunda:mapDecisionResult="no"/>',
     "No decision result mapper found for name 'no'", ["a"]),
    ("version binding without a version", "", START + '<callActivity id="a" calledElement="c" camunda:calledElementBinding="version"/>',
     "Missing attribute 'calledElementVersion' when 'calledElementBinding' has value 'version'", ["a"]),
    ("call of nothing", "", START + '<callActivity id="a"/>', "Missing attribute 'calledElement' or 'caseRef'", ["a"]),
    ("in without a target", "", START + el('<callActivity id="a" calledElement="c">', "<camunda:in source='x'/>"),
     "Missing attribute 'target' when attribute 'source' or 'sourceExpression' is set", ["a"]),
    ("multi-instance without a number", "", START + '<task id="a"><multiInstanceLoopCharacteristics/></task>',
     "Either loopCardinality or loopDataInputRef/activiti:collection must be set", ["a#multiInstanceBody"]),
    ("script task without a script", "", START + '<scriptTask id="a" scriptFormat="javascript"/>',
     "Unable to process ScriptTask: No script source or resource was given", [None]),
    ("listener without code", "", START + el('<task id="a">', "<camunda:executionListener event='start'/>"),
     "Element 'class', 'expression', 'delegateExpression' or 'script' is mandatory on executionListener", ["a"]),
    ("listener of no event", "", START + el('<task id="a">', "<camunda:executionListener event='go' class='C'/>"),
     "Attribute 'event' must be one of {start|end}", ["a"]),
    ("task listener of no event", "", START + el('<userTask id="a">', "<camunda:taskListener event='go' class='C'/>"),
     "Attribute 'event' must be one of {create|assignment|complete|update|delete|timeout}", ["a"]),
    ("mapping on a gateway", "",
     START + TASK + el('<parallelGateway id="g">', "<camunda:inputOutput/>"),
     "camunda:inputOutput mapping unsupported for element type 'parallelGateway'.", ["g"]),
    ("outputs of a multi-instance", "", START + "<task id='a'>" + EXT.format(
        "<camunda:inputOutput><camunda:outputParameter name='o'>1</camunda:outputParameter></camunda:inputOutput>")
     + "<multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics></task>",
     "camunda:outputParameter not allowed for multi-instance constructs", ["a"]),
    ("parameter without a name", "", START + "<task id='a'>" + EXT.format(
        "<camunda:inputOutput><camunda:inputParameter>1</camunda:inputParameter></camunda:inputOutput>") + "</task>",
     "Missing attribute 'name' for inputParameter", ["a"]),
    ("two forms", "", START + '<userTask id="a" camunda:formKey="k" camunda:formRef="r" camunda:formRefBinding="latest"/>',
     "only one of the attributes formKey and formRef is allowed", ["a"]),
    ("form field without a type", "", START + el('<userTask id="a">', "<camunda:formData><camunda:formField id='q'/></camunda:formData>"),
     "form field must have a 'type' attribute", ["q"]),
    ("conditional event without a condition", "", START + TASK + boundary("b", "<conditionalEventDefinition/>"),
     "Conditional event must contain an expression for evaluation.", [None, "b"]),
]  # fmt: skip


@pytest.mark.parametrize(("roots", "content", "message", "ids"), [r[1:] for r in RULES], ids=[r[0] for r in RULES])
def test_refused(roots: str, content: str, message: str, ids: list[str | None]) -> None:
    found = errors_of(file(content, roots))
    assert [f.main_element_id for f in found] == ids
    assert any(message in f.message for f in found), [f.message for f in found]


@pytest.mark.parametrize(
    ("ttl", "message"),
    [("five", "For input string"), ("-1", "negative value is not allowed"), ("P1Y", "For input string")],
)
def test_time_to_live_is_refused(ttl: str, message: str) -> None:
    data = file(START).replace(
        b'isExecutable="true"', f'isExecutable="true" camunda:historyTimeToLive="{ttl}"'.encode()
    )
    (found,) = errors_of(data)
    assert message in found.message
    assert found.main_element_id == "p"


STRUCTURE = [
    ("wrong order", START + "<task id='a'><outgoing>f</outgoing><incoming>f</incoming></task>", "cvc-complex-type.2.4"),
    ("unknown element", START + "<magicTask id='a'/>", "cvc-complex-type.2.4.a: Invalid content was found starting"),
    ("artifact before a node", START + "<textAnnotation id='t'/>" + TASK, "cvc-complex-type.2.4"),
    ("unknown attribute", START.replace("/>", " colour='red'/>"), "cvc-complex-type.3.2.2: Attribute 'colour' is not"),
    ("missing attribute", START + "<sequenceFlow id='f' sourceRef='s'/>", "cvc-complex-type.4: Attribute 'targetRef'"),
    ("id twice", START + TASK + "<dataObject id='a'/>", "cvc-id.2: There are multiple occurrences of ID value 'a'."),
    ("id that is none", START + "<task id='1a'/>", "'1a' is not a valid value for 'NCName'"),
    ("reference to nothing", START + "<dataObjectReference dataObjectRef='zz'/>", "cvc-id.1: There is no ID/IDREF"),
    ("boolean", START + "<task id='a' isForCompensation='maybe'/>", "'maybe' is not a valid value for 'boolean'"),
    ("enumeration", START + "<parallelGateway id='g' gatewayDirection='Up'/>", "cvc-enumeration-valid: Value 'Up'"),
    ("prefix that is none", START + "<receiveTask id='g' operationRef='no:op'/>", "not a valid value for 'QName'"),
    ("text between elements", START + "hello" + TASK, "cvc-complex-type.2.3: Element 'bpmn:process' cannot have"),
    ("abstract element", START + "<event id='e'/>", "cvc-type.2: The type definition cannot be abstract"),
    ("unknown type", START + TASK + "<exclusiveGateway id='g'/>" + flow("f", "s", "a", IF.replace("tForm", "tNo")),
     "cvc-elt.4.2: Cannot resolve 'tNoalExpression'"),
    ("bpmn among extensions", START + f"<task id='a'>{EXT.format('<task/>')}</task>", "cvc-complex-type.2.4.a"),
    ("too little content", START + "<userTask id='a'><ioSpecification/></userTask>", "is not complete"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), [s[1:] for s in STRUCTURE], ids=[s[0] for s in STRUCTURE])
def test_structure_is_refused(content: str, message: str) -> None:
    found = errors_of(file(content))
    assert any(message in f.message and f.main_element_id is None for f in found), [f.message for f in found]


def test_structure_below_extensions_is_checked_where_the_standard_knows_it() -> None:
    inside = "<camunda:taskListener id='l' event='timeout' class='C'><timerEventDefinition><zz/></timerEventDefinition></camunda:taskListener>"
    found = errors_of(file(START + f"<userTask id='a'>{EXT.format(inside)}</userTask>"))
    assert "'{\"http://www.omg.org/spec/BPMN/20100524/MODEL\":zz}'" in found[0].message


def test_diagram_of_an_unknown_element() -> None:
    diagram = (
        '<di:BPMNDiagram><di:BPMNPlane bpmnElement="p"><di:BPMNShape bpmnElement="nope">'
        '<b:Bounds xmlns:b="http://www.omg.org/spec/DD/20100524/DC" x="1" y="1" width="2" height="2"/>'
        "</di:BPMNShape></di:BPMNPlane></di:BPMNDiagram>"
    )
    (found,) = errors_of(file(START, after=diagram))
    assert found.message == "Invalid reference in 'bpmnElement' attribute, activity nope not found"
    read_bpmn(file(START, after=diagram.replace("nope", "s")), "a.bpmn")


def test_place_of_an_error() -> None:
    data = (
        HEAD.encode()
        + b'\n<process id="p" isExecutable="true">\n  <startEvent id="s"/>\n  <serviceTask\n   id="a"/>\n</process></definitions>'
    )
    (found,) = errors_of(data)
    assert (found.line, found.column) == (5, 12)
    with pytest.raises(ParseFailed, match=r"\| resource a\.bpmn \| line 5 \| column 12"):
        read_bpmn(data, "a.bpmn")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ENGINE-09003 Could not parse 'a.bpmn'."),
        (b"<definitions>", "ENGINE-09003"),
        (b"<x:a/>", "ENGINE-09003"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "DOCTYPE is disallowed"),
        (b"\xef\xbb\xbf <!-- c --> <!DOCTYPE a><a/>", "DOCTYPE is disallowed"),
        ("<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE a><a/>".encode("utf-16"), "DOCTYPE is disallowed"),
        (b"<a " + b" ".join(b'a%d="1"' % n for n in range(1001)) + b"/>", "more than 1000 attributes"),
        (b"<a>" * 150 + b"</a>" * 150, "nested deeper than 100"),
    ],
)
def test_unreadable(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableResource) as caught:
        read_bpmn(data, "a.bpmn")
    assert message in caught.value.message
    assert caught.value.findings["a.bpmn"]


def test_root_that_is_no_bpmn() -> None:
    found = errors_of(b"<html/>")
    assert found[0].message == "cvc-elt.1.a: Cannot find the declaration of element 'html'."


def test_expressions_are_checked_by_the_caller() -> None:
    data = file(START + '<serviceTask id="a" camunda:expression="${ oops"/>')
    read_bpmn(data, "a.bpmn")
    with pytest.raises(UnreadableResource, match=r"ENGINE-01009 Error while parsing process\. bad expression"):
        read_bpmn(data, "a.bpmn", check_expression=lambda text: "bad expression" if "oops" in text else None)


ACCEPTED = [
    ("ignored elements", "<laneSet id='ls'><lane id='l'><flowNodeRef>s</flowNodeRef></lane></laneSet>" + START
     + "<dataObject id='d'/><complexGateway id='cg'/><textAnnotation id='t'><text>hi</text></textAnnotation>"
     "<association id='as' sourceRef='s' targetRef='t'/><group id='gr'/>"),
    ("foreign attributes and elements", "<startEvent id='s' xmlns:z='urn:z' z:a='1'>"
     "<documentation>a <b xmlns='urn:html'>c</b></documentation><extensionElements><z:q id='s'/></extensionElements></startEvent>"),
    ("one flow of an exclusive gateway", START + GATE.format("") + flow("f", "g", "a")),
    ("old dialect", "<startEvent id='s'/><serviceTask id='a' xmlns:o='http://activiti.org/bpmn' o:expression='${x}'/>"),
]  # fmt: skip


@pytest.mark.parametrize("content", [a[1] for a in ACCEPTED], ids=[a[0] for a in ACCEPTED])
def test_accepted(content: str) -> None:
    read, _ = read_bpmn(file(content), "a.bpmn")
    assert [process.id for process in read.processes] == ["p"]


@pytest.mark.parametrize("executable", ['isExecutable="false"', "", 'isExecutable="1"'])
def test_what_is_not_executable_is_not_deployed(executable: str) -> None:
    data = file("<serviceTask id='a'/>").replace(b'isExecutable="true"', executable.encode())
    read, warnings = read_bpmn(data, "a.bpmn")
    assert read.processes == ()
    assert "no executable process" in warnings[0].message


WARNINGS = [
    ("class", "<serviceTask id='a' camunda:class='com.C'/>", "It needs 'com.C' (class)"),
    ("bean", "<serviceTask id='a' camunda:expression='${shop.pay(x)}'/>", "It needs 'shop.pay' (bean method)"),
    ("groovy", "<scriptTask id='a' scriptFormat='Groovy'><script>1</script></scriptTask>", "Scripts in 'groovy' are not run"),
    ("complex gateway", "<complexGateway id='a'/>", "Ignoring unsupported activity type"),
    ("connector", "<serviceTask id='a'><extensionElements><camunda:connector><camunda:connectorId>own-connector"
     "</camunda:connectorId></camunda:connector></extensionElements></serviceTask>", "It needs 'own-connector' (connector)"),
    ("flow", '<exclusiveGateway id="a"/><task id="c"/><task id="b"/>' + flow("f", "a", "c", IF) + flow("h", "a", "b"),
     "We assume it to be the default flow"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), [w[1:] for w in WARNINGS], ids=[w[0] for w in WARNINGS])
def test_warned(content: str, message: str) -> None:
    _, warnings = read_bpmn(file(START + content), "a.bpmn")
    (found,) = warnings
    assert found.severity is Severity.WARNING
    assert message in found.message
    assert found.main_element_id == "a"


@pytest.mark.parametrize("expression", ["${x.size()}", "${execution.getVariable('a')}", "plain.text(1)", "${'a.b(c)'}"])
def test_not_warned(expression: str) -> None:
    _, warnings = read_bpmn(file(START + f'<serviceTask id="a" camunda:expression="{expression}"/>'), "a.bpmn")
    assert warnings == []


def test_errors_are_bounded() -> None:
    found = errors_of(file(START + "".join(f"<serviceTask id='a{n}'/>" for n in range(1500))))
    assert len(found) == 1000
