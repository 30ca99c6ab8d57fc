"""Whatever the bytes, the reader answers with a graph or with `ParseFailed`, the same each time."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.base.errors import ParseFailed
from penstock.model.reader import read_bpmn

SAMPLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:c="http://camunda.org/schema/1.0/bpmn"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="t">
<message id="m" name="hello"/><error id="err" errorCode="1"/><escalation id="esc" escalationCode="2"/><signal id="sig" name="n"/>
<process id="p" isExecutable="true" c:historyTimeToLive="5"><extensionElements><c:executionListener event="end" class="C"/>
</extensionElements><startEvent id="s" c:formKey="k"/><sequenceFlow id="f0" sourceRef="s" targetRef="g"/>
<exclusiveGateway id="g" default="f2"/><sequenceFlow id="f1" sourceRef="g" targetRef="a">
<conditionExpression xsi:type="tFormalExpression">${x == 1}</conditionExpression></sequenceFlow>
<sequenceFlow id="f2" sourceRef="g" targetRef="b"/>
<serviceTask id="a" c:type="external" c:topic="t"><extensionElements><c:inputOutput><c:inputParameter name="i"><c:map>
<c:entry key="k"><c:list><c:value>1</c:value></c:list></c:entry></c:map></c:inputParameter></c:inputOutput></extensionElements>
<multiInstanceLoopCharacteristics isSequential="true" c:collection="l" c:elementVariable="e"/></serviceTask>
<subProcess id="b"><startEvent id="bs"/><subProcess id="ev" triggeredByEvent="true"><startEvent id="evs"><messageEventDefinition
 messageRef="m"/></startEvent></subProcess><userTask id="u"><extensionElements><c:taskListener event="timeout" id="l"
 expression="${1}"><timerEventDefinition><timeDuration>PT1M</timeDuration></timerEventDefinition></c:taskListener>
</extensionElements></userTask></subProcess><boundaryEvent id="be" attachedToRef="b"><escalationEventDefinition
 escalationRef="esc"/></boundaryEvent><task id="undo" isForCompensation="true"/><boundaryEvent id="bc" attachedToRef="a">
<compensateEventDefinition/></boundaryEvent><callActivity id="ca" calledElement="x"><extensionElements><c:in variables="all"/>
</extensionElements></callActivity><endEvent id="e"><signalEventDefinition signalRef="sig"/></endEvent>
<association id="as" sourceRef="bc" targetRef="undo"/></process></definitions>"""

WORDS = [
    b'"',
    b"<",
    b"</",
    b"/>",
    b">",
    b"=",
    b"1",
    b'"true"',
    b'"x"',
    b"id=",
    b"<!DOCTYPE a>",
    b"&amp;",
    b"&x;",
    b"\x00",
    b"\xff",
]
NAMES = [
    b"startEvent",
    b"subProcess",
    b"task",
    b"process",
    b"a",
    b"b",
    b"m",
    b"p",
    b"true",
    b"event",
    b"messageRef",
    b"${",
    b"c:",
]


def read(data: bytes) -> Any:
    try:
        return read_bpmn(data, "a.bpmn")
    except ParseFailed as failed:
        assert failed.findings["a.bpmn"]
        return failed.message


def test_the_sample_is_sound() -> None:
    found, _ = read_bpmn(SAMPLE, "a.bpmn")
    assert len(found.processes[0].nodes) == 13


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SAMPLE)))
def test_truncated(length: int) -> None:
    read(SAMPLE[:length])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SAMPLE)), st.integers(0, 40), st.sampled_from(WORDS + NAMES))
def test_mutated(at: int, removed: int, put: bytes) -> None:
    data = SAMPLE[:at] + put + SAMPLE[at + removed :]
    assert read(data) == read(data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_words_exchanged(data: st.DataObject) -> None:
    old, new = data.draw(st.sampled_from(NAMES)), data.draw(st.sampled_from(NAMES))
    times = data.draw(st.integers(1, 4))
    read(SAMPLE.replace(old, new, times))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, SAMPLE.count(b"\n")), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_lines_dropped_and_shuffled(dropped: list[int], random: Any) -> None:
    lines = SAMPLE.split(b"\n")
    kept = [line for number, line in enumerate(lines) if number not in dropped]
    read(b"\n".join(kept))
    middle = kept[4:-1]
    random.shuffle(middle)
    read(b"\n".join([*kept[:4], *middle, kept[-1]]))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(ParseFailed):
        read_bpmn(data, "a.bpmn")
