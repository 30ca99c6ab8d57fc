"""The processes of these tests."""

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
                  xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
                  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="t">
"""


def process(key: str, body: str, more: str = "") -> bytes:
    """A process with what stands between its start and end."""
    return f"""{_HEAD}{more}
  <bpmn:process id="{key}" isExecutable="true" camunda:historyTimeToLive="P1D">{body}</bpmn:process>
</bpmn:definitions>""".encode()


USER = process(
    "order",
    """<bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="t"/>
    <bpmn:userTask id="t"/><bpmn:sequenceFlow id="f2" sourceRef="t" targetRef="e"/><bpmn:endEvent id="e"/>""",
)

PAYMENT = process(
    "payment",
    """<bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="r"/>
    <bpmn:receiveTask id="r" messageRef="m"/><bpmn:sequenceFlow id="f2" sourceRef="r" targetRef="e"/>
    <bpmn:endEvent id="e"/>""",
    '<bpmn:message id="m" name="PaymentReceived"/>',
)

TICKET = process(
    "ticket",
    """<bpmn:startEvent id="s"><bpmn:messageEventDefinition messageRef="m"/></bpmn:startEvent>
    <bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="t"/>
    <bpmn:userTask id="t"/><bpmn:sequenceFlow id="f2" sourceRef="t" targetRef="e"/><bpmn:endEvent id="e"/>""",
    '<bpmn:message id="m" name="TicketOpened"/>',
)

FAILING = process(
    "failing",
    """<bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="t"/>
    <bpmn:serviceTask id="t" camunda:expression="${nothing}"/><bpmn:sequenceFlow id="f2" sourceRef="t" targetRef="e"/>
    <bpmn:endEvent id="e"/>""",
)

CHARGE = process(
    "charge",
    """<bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="c"/>
    <bpmn:serviceTask id="c" camunda:type="external" camunda:topic="charge-card"/>
    <bpmn:sequenceFlow id="f2" sourceRef="c" targetRef="t"/>
    <bpmn:boundaryEvent id="declined" attachedToRef="c"><bpmn:errorEventDefinition errorRef="err"/></bpmn:boundaryEvent>
    <bpmn:sequenceFlow id="f3" sourceRef="declined" targetRef="refused"/>
    <bpmn:userTask id="t"/><bpmn:sequenceFlow id="f4" sourceRef="t" targetRef="e"/>
    <bpmn:userTask id="refused"/><bpmn:sequenceFlow id="f5" sourceRef="refused" targetRef="e"/>
    <bpmn:endEvent id="e"/>""",
    '<bpmn:error id="err" errorCode="DECLINED"/>',
)

SHIPPED = process(
    "shipping",
    """<bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="i"/>
    <bpmn:intermediateThrowEvent id="i"><bpmn:messageEventDefinition messageRef="m" camunda:type="external"
      camunda:topic="packed"/></bpmn:intermediateThrowEvent>
    <bpmn:sequenceFlow id="f2" sourceRef="i" targetRef="n"/>
    <bpmn:sendTask id="n" camunda:type="external" camunda:topic="notify"/>
    <bpmn:sequenceFlow id="f3" sourceRef="n" targetRef="e"/>
    <bpmn:endEvent id="e"><bpmn:messageEventDefinition messageRef="m" camunda:type="external" camunda:topic="shipped"/>
    </bpmn:endEvent>""",
    '<bpmn:message id="m" name="M"/>',
)
