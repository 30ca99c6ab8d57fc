"""What is deployed, configured and sent in runs over a bus."""

from typing import Any

from penstock.bus.cloudevents import CloudEvent, structured
from penstock.bus.protocol import Message

ORDERS, PAYMENTS, REQUESTS, REPLIES, FINISHED = "orders", "payments", "work.requests", "work.replies", "finished"
LEASE_S = 6
"""So that what a killed consumer had comes again while the run goes on; Kafka's brokers take no less."""

MESSAGE_BYTES = 500

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="buses">
"""

PATH = f"""{_HEAD} <message id="paid" name="PaymentReceived"/>
 <process id="path" isExecutable="true" camunda:historyTimeToLive="P1D">
  <startEvent id="start"/>
  <sequenceFlow id="f1" sourceRef="start" targetRef="reserve"/>
  <serviceTask id="reserve" camunda:type="external" camunda:topic="work"/>
  <sequenceFlow id="f2" sourceRef="reserve" targetRef="payment"/>
  <receiveTask id="payment" messageRef="paid"/>
  <sequenceFlow id="f3" sourceRef="payment" targetRef="check"/>
  <serviceTask id="check" camunda:asyncBefore="true" camunda:expression="${{true}}"/>
  <sequenceFlow id="f4" sourceRef="check" targetRef="ship"/>
  <serviceTask id="ship" camunda:type="external" camunda:topic="work"/>
  <sequenceFlow id="f5" sourceRef="ship" targetRef="end"/>
  <endEvent id="end"><messageEventDefinition camunda:type="external" camunda:topic="finished"/></endEvent>
 </process>
</definitions>
"""
"""Started by a message, two requests, one message that is waited for (or comes early), a job, an event at the end."""

PATH_ACTIVITIES = {"start": 1, "reserve": 1, "payment": 1, "check": 1, "ship": 1, "end": 1}
PATH_TASKS = 3
PATH_REQUESTS = 2

STEP = f"""{_HEAD} <process id="single" isExecutable="true" camunda:historyTimeToLive="P1D">
  <startEvent id="start"/>
  <sequenceFlow id="f1" sourceRef="start" targetRef="step"/>
  <serviceTask id="step" camunda:expression="${{true}}"/>
  <sequenceFlow id="f2" sourceRef="step" targetRef="end"/>
  <endEvent id="end"/>
 </process>
</definitions>
"""
"""W1: start, one step, end."""

WORKED = f"""{_HEAD} <process id="worked" isExecutable="true" camunda:historyTimeToLive="P1D">
  <startEvent id="start"/>
  <sequenceFlow id="f1" sourceRef="start" targetRef="first"/>
  <serviceTask id="first" camunda:type="external" camunda:topic="work"/>
  <sequenceFlow id="f2" sourceRef="first" targetRef="second"/>
  <serviceTask id="second" camunda:type="external" camunda:topic="work"/>
  <sequenceFlow id="f3" sourceRef="second" targetRef="third"/>
  <serviceTask id="third" camunda:type="external" camunda:topic="work"/>
  <sequenceFlow id="f4" sourceRef="third" targetRef="end"/>
  <endEvent id="end"/>
 </process>
</definitions>
"""
"""Three requests, one after another."""

WAITS = f"""{_HEAD} <process id="waits" isExecutable="true" camunda:historyTimeToLive="P1D">
  <startEvent id="start"/>
  <sequenceFlow id="f1" sourceRef="start" targetRef="task"/>
  <userTask id="task"/>
 </process>
</definitions>
"""

SLOW_MS = 20
SLOW = f"""{_HEAD} <process id="slow" isExecutable="true" camunda:historyTimeToLive="P1D">
  <startEvent id="start"/>
  <sequenceFlow id="f1" sourceRef="start" targetRef="think"/>
  <scriptTask id="think" scriptFormat="javascript">
   <script>const until = Date.now() + {SLOW_MS}; while (Date.now() &lt; until);</script></scriptTask>
  <sequenceFlow id="f2" sourceRef="think" targetRef="end"/>
  <endEvent id="end"/>
 </process>
</definitions>
"""
"""Takes its time for each instance."""


def starts(process: str) -> str:
    """Orders start instances of `process`."""
    return f"""
[[bridge]]
connection = "events"
channel = "{ORDERS}"
event = "OrderAccepted"
start = "{process}"
business_key = "data.orderId"
variables = {{ amount = "data.amount" }}
lease = "PT{LEASE_S}S"
"""


WORK = f"""
[topic.work]
connection = "events"
request = "{REQUESTS}"
reply = "{REPLIES}"
timeout = "PT60S"
retries = 1000
retry_timeout = "PT0.5S"
lease = "PT{LEASE_S}S"
"""

PATH_SECTIONS = f"""{starts("path")}
[[bridge]]
connection = "events"
channel = "{PAYMENTS}"
message = "PaymentReceived"
business_key = "data.orderId"
lease = "PT{LEASE_S}S"

{WORK}
[topic.finished]
connection = "events"
publish = "{FINISHED}"
event = "OrderFinished"
data = {{ orderId = "task.businessKey" }}
"""


def order(key: str, size_bytes: int = MESSAGE_BYTES) -> Message:
    """The message about an order: the same one each time."""
    return _event(ORDERS, "OrderAccepted", key, {"orderId": key, "amount": 41}, size_bytes)


def payment(key: str) -> Message:
    """The message that the order's process waits for."""
    return _event(PAYMENTS, "PaymentReceived", key, {"orderId": key}, 0)


def _event(channel: str, type: str, key: str, data: dict[str, Any], size_bytes: int) -> Message:
    event = CloudEvent(id=f"{type} {key}", source="/shop", type=type, data=data)
    short = structured(event, channel, key=key)
    data["text"] = "x" * max(0, size_bytes - len(short.body) - len(',"text":""'))
    return structured(event, channel, key=key)
