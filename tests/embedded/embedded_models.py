"""The processes of these tests, and what they wait with."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from penstock.worker import Backoff, Retries

T = TypeVar("T")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "embedded"
PATIENCE_S = 60.0
"""Machines are paused."""

AT_ONCE = Retries(count=2, backoff=Backoff(first_ms=0, most_ms=0))

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="urn:penstock:tests">'
)


def process(key: str, inside: str, *, after: str = "") -> bytes:
    """start → `inside` → end. `inside`: one element with the id `It`; `after`: more elements; behind the process: `|`."""
    after, _, outside = after.partition("|")
    return f"""{HEAD}<bpmn:process id="{key}" isExecutable="true" camunda:historyTimeToLive="P1D">
      <bpmn:startEvent id="Start"/><bpmn:sequenceFlow id="in" sourceRef="Start" targetRef="It"/>
      {inside}
      <bpmn:sequenceFlow id="out" sourceRef="It" targetRef="End"/><bpmn:endEvent id="End"/>{after}
    </bpmn:process>{outside}</bpmn:definitions>""".encode()


def work(key: str = "work", topic: str = "work", **also: str) -> bytes:
    """A process with one external task."""
    return process(key, f'<bpmn:serviceTask id="It" camunda:type="external" camunda:topic="{topic}"/>', **also)


CAUGHT = """
  <bpmn:boundaryEvent id="Caught" attachedToRef="It"><bpmn:errorEventDefinition errorRef="e"/></bpmn:boundaryEvent>
  <bpmn:sequenceFlow id="c" sourceRef="Caught" targetRef="Other"/><bpmn:endEvent id="Other"/>
  |<bpmn:error id="e" errorCode="DECLINED"/>"""

TIMER = process(
    "timer",
    """<bpmn:intermediateCatchEvent id="It"><bpmn:timerEventDefinition>
    <bpmn:timeDuration xsi:type="bpmn:tFormalExpression">${wait}</bpmn:timeDuration>
    </bpmn:timerEventDefinition></bpmn:intermediateCatchEvent>""",
)
PERSON = process("person", '<bpmn:userTask id="It" name="Look" camunda:candidateGroups="sales"/>', after=CAUGHT)
MESSAGE = process(
    "message",
    '<bpmn:intermediateCatchEvent id="It"><bpmn:messageEventDefinition messageRef="m"/></bpmn:intermediateCatchEvent>',
    after='|<bpmn:message id="m" name="Paid"/>',
)
SIGNAL = process(
    "signal",
    '<bpmn:intermediateCatchEvent id="It"><bpmn:signalEventDefinition signalRef="s"/></bpmn:intermediateCatchEvent>',
    after='|<bpmn:signal id="s" name="Go"/>',
)
DELEGATE = process("delegate", '<bpmn:serviceTask id="It" camunda:class="org.shop.Charge"/>', after=CAUGHT)
LATER = process("later", '<bpmn:serviceTask id="It" camunda:asyncBefore="true" camunda:delegateExpression="${book}"/>')


async def until(look: Callable[[], Awaitable[T]], what: str = "") -> T:
    """The first answer of `look` that is something."""
    end_s = asyncio.get_running_loop().time() + PATIENCE_S
    while not (found := await look()):
        assert asyncio.get_running_loop().time() < end_s, f"it did not happen: {what}"
        await asyncio.sleep(0.02)
    return found
