"""Small processes of external tasks."""

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="urn:penstock:tests">'
)


def one_task(key: str, topic: str, inside: str = "", after: str = "") -> bytes:
    """start → Work → end. `inside`: content of the task; `after`: more elements (boundary events and their flows)."""
    return f"""{HEAD}<bpmn:process id="{key}" isExecutable="true" camunda:historyTimeToLive="P1D">
      <bpmn:startEvent id="Start"/><bpmn:sequenceFlow id="in" sourceRef="Start" targetRef="Work"/>
      <bpmn:serviceTask id="Work" camunda:type="external" camunda:topic="{topic}">{inside}</bpmn:serviceTask>
      <bpmn:sequenceFlow id="out" sourceRef="Work" targetRef="End"/><bpmn:endEvent id="End"/>{after}
    </bpmn:process></bpmn:definitions>""".encode()


def then_wait(key: str, topic: str, branches: int) -> bytes:
    """`branches` instances of a task at once, and a user task behind them all, where the variables can be looked at."""
    return f"""{HEAD}<bpmn:process id="{key}" isExecutable="true" camunda:historyTimeToLive="P1D">
      <bpmn:startEvent id="Start"/><bpmn:sequenceFlow id="in" sourceRef="Start" targetRef="Work"/>
      <bpmn:serviceTask id="Work" camunda:type="external" camunda:topic="{topic}">
        <bpmn:multiInstanceLoopCharacteristics>
          <bpmn:loopCardinality xsi:type="bpmn:tFormalExpression">{branches}</bpmn:loopCardinality>
        </bpmn:multiInstanceLoopCharacteristics>
      </bpmn:serviceTask>
      <bpmn:sequenceFlow id="on" sourceRef="Work" targetRef="Look"/><bpmn:userTask id="Look"/>
      <bpmn:sequenceFlow id="out" sourceRef="Look" targetRef="End"/><bpmn:endEvent id="End"/>
    </bpmn:process></bpmn:definitions>""".encode()
