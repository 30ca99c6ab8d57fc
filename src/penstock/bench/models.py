"""What is deployed."""

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="urn:penstock:bench">
"""

W1_KEY = "penstock-bench-w1"
W1 = f"""{_HEAD}  <bpmn:process id="{W1_KEY}" isExecutable="true" camunda:historyTimeToLive="P1D">
    <bpmn:startEvent id="start" />
    <bpmn:sequenceFlow id="to-step" sourceRef="start" targetRef="step" />
    <bpmn:serviceTask id="step" camunda:expression="${{true}}" />
    <bpmn:sequenceFlow id="to-end" sourceRef="step" targetRef="end" />
    <bpmn:endEvent id="end" />
  </bpmn:process>
</bpmn:definitions>
"""

W2_KEY = "penstock-bench-w2"
TOPICS = ("bench-reserve", "bench-charge", "bench-ship")


def _w2() -> str:
    lines = [_HEAD, f'  <bpmn:process id="{W2_KEY}" isExecutable="true" camunda:historyTimeToLive="P1D">\n']
    lines.append('    <bpmn:startEvent id="start" />\n')
    before = "start"
    for topic in TOPICS:
        lines.append(f'    <bpmn:sequenceFlow id="to-{topic}" sourceRef="{before}" targetRef="{topic}" />\n')
        lines.append(f'    <bpmn:serviceTask id="{topic}" camunda:type="external" camunda:topic="{topic}" />\n')
        before = topic
    lines.append(f'    <bpmn:sequenceFlow id="to-end" sourceRef="{before}" targetRef="end" />\n')
    lines.append('    <bpmn:endEvent id="end" />\n  </bpmn:process>\n</bpmn:definitions>\n')
    return "".join(lines)


W2 = _w2()
