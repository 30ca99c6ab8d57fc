"""What the XML says arrives in the graph, field by field."""

# ruff: noqa: E501 -- the models read better in one piece

from penstock.model.graph import (
    Condition,
    ErrorDefinition,
    FormField,
    Loop,
    Parameter,
    Process,
    ScriptSource,
    TimerKind,
    TriggerKind,
    VariableMapping,
)
from penstock.model.reader import read_bpmn

HEAD = (
    '<b:definitions xmlns:b="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:c="http://camunda.org/schema/1.0/bpmn" '
    'xmlns:t="urn:t" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="urn:t">'
)


def process(content: str, roots: str = "", attributes: str = "") -> Process:
    text = f'{HEAD}{roots}<b:process id="p" isExecutable="true" {attributes}>{content}</b:process></b:definitions>'
    read, _ = read_bpmn(text.encode(), "a.bpmn")
    (found,) = read.processes
    return found


def test_process_nodes_and_flows() -> None:
    read = process(
        """<b:documentation>first</b:documentation><b:documentation>second</b:documentation>
        <b:endEvent id="e"/>
        <b:subProcess id="sub" default="f2"><b:startEvent id="i"/><b:task id="t"/>
          <b:sequenceFlow id="f2" sourceRef="i" targetRef="t"/></b:subProcess>
        <b:startEvent id="s" c:initiator="who"/>
        <b:sequenceFlow id="f1" name="go" sourceRef="s" targetRef="sub"/>
        <b:sequenceFlow sourceRef="sub" targetRef="e">
          <b:conditionExpression xsi:type="b:tFormalExpression"> ${ok} </b:conditionExpression></b:sequenceFlow>""",
        attributes='name="P" c:versionTag="v1" c:historyTimeToLive="P5D" c:jobPriority="7" c:taskPriority="${x}" '
        'c:isStartableInTasklist="false" c:candidateStarterUsers="a,${b(1,2)}" c:candidateStarterGroups="g"',
    )
    assert (read.id, read.name, read.documentation) == ("p", "P", "first\n\nsecond")
    assert (read.version_tag, read.history_time_to_live) == ("v1", "P5D")
    assert (read.job_priority, read.task_priority) == ("7", "${x}")
    assert (read.candidate_starter_users, read.candidate_starter_groups) == ("a,${b(1,2)}", "g")
    assert not read.startable_in_tasklist
    assert read.children == ("e", "sub", "s")
    assert list(read.nodes) == ["e", "sub", "i", "t", "s"]
    assert read.nodes["sub"].children == ("i", "t")
    assert read.nodes["sub"].default_flow == "f2"
    assert read.nodes["t"].parent == "sub"
    assert read.nodes["t"].incoming == ("f2",)
    assert read.nodes["s"].outgoing == ("f1",)
    assert read.nodes["s"].initiator == "who"
    f2, f1, bare = read.flows.values()
    assert (f2.id, f1.id, f1.name) == ("f2", "f1", "go")
    assert (bare.source, bare.target, bare.condition) == ("sub", "e", Condition(text="${ok}"))


def test_activity_attributes_mapping_and_loop() -> None:
    read = process(
        """<b:startEvent id="s"/>
        <b:serviceTask id="a" name="A" c:type="external" c:topic="pay" c:taskPriority="3" c:asyncBefore="true"
            c:asyncAfter="true" c:exclusive="false" c:jobPriority="${p}">
          <b:extensionElements>
            <c:inputOutput>
              <c:inputParameter name="text"> ${x} </c:inputParameter>
              <c:inputParameter name="none"/>
              <c:inputParameter name="list"><c:list><c:value>1</c:value><c:script scriptFormat="JS">2</c:script></c:list></c:inputParameter>
              <c:inputParameter name="map"><c:map><c:entry key="k">v</c:entry></c:map></c:inputParameter>
            </c:inputOutput>
            <c:failedJobRetryTimeCycle>R3/PT1M</c:failedJobRetryTimeCycle>
            <c:properties><c:property name="n" value="v"/></c:properties>
            <c:errorEventDefinition errorRef="err" expression="${bad}"/>
            <c:executionListener event="start" expression="${x}"/>
          </b:extensionElements>
          <b:multiInstanceLoopCharacteristics isSequential="true" c:collection="${all}" c:elementVariable="one"
              c:asyncBefore="true">
            <b:extensionElements><c:failedJobRetryTimeCycle>R1/PT1M</c:failedJobRetryTimeCycle></b:extensionElements>
            <b:completionCondition>${done}</b:completionCondition>
          </b:multiInstanceLoopCharacteristics>
        </b:serviceTask>""",
        '<b:error id="err" errorCode="E1" c:errorMessage="oh"/>',
    )
    node = read.nodes["a"]
    assert node.implementation is not None
    assert (node.implementation.type, node.implementation.topic, node.implementation.task_priority) == (
        "external",
        "pay",
        "3",
    )
    assert (node.async_before, node.async_after, node.exclusive, node.job_priority) == (True, True, False, "${p}")
    assert node.inputs == (
        Parameter(name="text", text="${x}"),
        Parameter(name="none"),
        Parameter(name="list", items=(Parameter(text="1"), Parameter(script=ScriptSource(language="js", source="2")))),
        Parameter(name="map", entries=(Parameter(name="k", text="v"),)),
    )
    assert node.outputs == ()
    assert node.retry_cycle == "R3/PT1M"
    assert node.properties == (("n", "v"),)
    assert node.error_definitions == (ErrorDefinition(expression="${bad}", code="E1", error_message="oh"),)
    assert [(listener.event, listener.expression) for listener in node.listeners] == [("start", "${x}")]
    assert node.loop == Loop(
        sequential=True,
        collection="${all}",
        element_variable="one",
        completion_condition="${done}",
        async_before=True,
        retry_cycle="R1/PT1M",
    )


def test_user_task() -> None:
    read = process(
        """<b:startEvent id="s" c:formKey="start.html"/>
        <b:userTask id="a" c:candidateUsers="u1, u2" c:dueDate="${d}" c:followUpDate="x" c:priority="5">
          <b:extensionElements>
            <c:formData businessKey="q"><c:formField id="q" label="Q" type="enum" defaultValue="1">
              <c:properties><c:property id="w" value="2"/></c:properties>
              <c:validation><c:constraint name="min" config="1"/></c:validation>
              <c:value id="1" name="one"/></c:formField></c:formData>
            <c:taskListener id="l" event="timeout" expression="${x}">
              <b:timerEventDefinition><b:timeDuration>PT1H</b:timeDuration></b:timerEventDefinition></c:taskListener>
          </b:extensionElements>
          <b:humanPerformer><b:resourceAssignmentExpression><b:formalExpression>kermit</b:formalExpression>
            </b:resourceAssignmentExpression></b:humanPerformer>
          <b:potentialOwner><b:resourceAssignmentExpression><b:formalExpression>user(fozzie), group(mgmt), all</b:formalExpression>
            </b:resourceAssignmentExpression></b:potentialOwner>
        </b:userTask>"""
    )
    node = read.nodes["a"]
    task, form = node.user_task, node.form
    assert task is not None
    assert form is not None
    assert (task.assignee, task.candidate_users, task.candidate_groups) == ("kermit", "fozzie,u1,u2", "mgmt,all")
    assert (task.due_date, task.follow_up_date, task.priority) == ("${d}", "x", "5")
    (listener,) = task.listeners
    assert listener.timer is not None
    assert (listener.id, listener.timer.timer, listener.timer.timer_text) == ("l", TimerKind.DURATION, "PT1H")
    assert form.business_key_field == "q"
    assert form.fields == (
        FormField(
            id="q",
            label="Q",
            type="enum",
            default_value="1",
            values=(("1", "one"),),
            properties=(("w", "2"),),
            constraints=(("min", "1"),),
        ),
    )
    start_form = read.nodes["s"].form
    assert start_form is not None
    assert start_form.form_key == "start.html"


def test_events_are_resolved_through_their_definitions() -> None:
    read = process(
        """<b:startEvent id="s"><b:messageEventDefinition messageRef="t:m"/></b:startEvent>
        <b:userTask id="a"/>
        <b:boundaryEvent id="be" attachedToRef="a"><b:errorEventDefinition errorRef="plain" c:errorCodeVariable="cv"
            c:errorMessageVariable="mv"/></b:boundaryEvent>
        <b:boundaryEvent id="bt" attachedToRef="a" cancelActivity="false"><b:timerEventDefinition>
            <b:timeCycle> R2/PT1M </b:timeCycle></b:timerEventDefinition></b:boundaryEvent>
        <b:boundaryEvent id="bs" attachedToRef="a"><b:escalationEventDefinition escalationRef="es"/></b:boundaryEvent>
        <b:intermediateCatchEvent id="c"><b:conditionalEventDefinition c:variableName="v" c:variableEvents="create, update">
            <b:condition xsi:type="b:tFormalExpression" language="javascript">v > 1</b:condition>
            </b:conditionalEventDefinition></b:intermediateCatchEvent>
        <b:intermediateThrowEvent id="t1"><b:signalEventDefinition signalRef="sg" c:async="true"><b:extensionElements>
            <c:in source="x" target="y"/></b:extensionElements></b:signalEventDefinition></b:intermediateThrowEvent>
        <b:endEvent id="e"><b:messageEventDefinition c:type="external" c:topic="send"/></b:endEvent>
        <b:endEvent id="x"><b:terminateEventDefinition/></b:endEvent>""",
        '<b:message id="m" name="hello"/><b:escalation id="es" escalationCode="9"/><b:signal id="sg" name="go-${x}"/>',
    )
    trigger = {node.id: node.trigger for node in read.nodes.values() if node.trigger is not None}
    assert (trigger["s"].kind, trigger["s"].ref, trigger["s"].name) == (TriggerKind.MESSAGE, "m", "hello")
    assert (trigger["be"].code, trigger["be"].code_variable, trigger["be"].message_variable) == ("plain", "cv", "mv")
    assert (trigger["bt"].timer, trigger["bt"].timer_text) == (TimerKind.CYCLE, "R2/PT1M")
    assert not read.nodes["bt"].interrupting
    assert read.nodes["be"].attached_to == "a"
    assert trigger["bs"].code == "9"
    assert (trigger["c"].variable_name, trigger["c"].variable_events) == ("v", ("create", "update"))
    assert trigger["c"].condition_script == ScriptSource(language="javascript", source="v > 1")
    assert (trigger["t1"].name, trigger["t1"].asynchronous) == ("go-${x}", True)
    assert trigger["t1"].mappings == (VariableMapping(source="x", target="y"),)
    how = trigger["e"].implementation
    assert how is not None
    assert (how.type, how.topic) == ("external", "send")
    assert trigger["x"].kind is TriggerKind.TERMINATE


def test_compensation_and_event_sub_process() -> None:
    read = process(
        """<b:startEvent id="s"/><b:task id="a"/><b:task id="undo" isForCompensation="true"/>
        <b:boundaryEvent id="c" attachedToRef="a"><b:compensateEventDefinition/></b:boundaryEvent>
        <b:subProcess id="ev" triggeredByEvent="true"><b:startEvent id="i" isInterrupting="false">
          <b:signalEventDefinition signalRef="sg"/></b:startEvent></b:subProcess>
        <b:endEvent id="e"><b:compensateEventDefinition activityRef="a"/></b:endEvent>
        <b:association id="as" sourceRef="c" targetRef="undo"/>""",
        '<b:signal id="sg" name="go"/>',
    )
    assert read.nodes["a"].compensated_by == "undo"
    assert read.nodes["undo"].for_compensation
    assert read.nodes["ev"].triggered_by_event
    assert not read.nodes["i"].interrupting
    thrown = read.nodes["e"].trigger
    assert thrown is not None
    assert thrown.activity_ref == "a"


def test_calls_decisions_and_connectors() -> None:
    read = process(
        """<b:startEvent id="s"/>
        <b:callActivity id="a" calledElement="${which}" c:calledElementBinding="version" c:calledElementVersion="3"
            c:calledElementTenantId="t"><b:extensionElements>
          <c:in businessKey="#{execution.processBusinessKey}"/><c:in variables="all" local="true"/>
          <c:in sourceExpression="${1+1}" target="two"/><c:out source="r" target="q"/></b:extensionElements></b:callActivity>
        <b:businessRuleTask id="d" c:decisionRef="dish" c:decisionRefBinding="deployment" c:resultVariable="r"
            c:mapDecisionResult="singleEntry"/>
        <b:sendTask id="n"><b:extensionElements><c:connector><c:connectorId>http</c:connectorId><c:inputOutput>
          <c:inputParameter name="url">u</c:inputParameter></c:inputOutput></c:connector></b:extensionElements></b:sendTask>
        <b:scriptTask id="j" scriptFormat="JavaScript" c:resultVariable="r"><b:script>1 + 1</b:script></b:scriptTask>
        <b:serviceTask id="m" c:type="mail"><b:extensionElements><c:field name="to" stringValue="${raw}"/>
          <c:field name="text"><c:expression>${made}</c:expression></c:field></b:extensionElements></b:serviceTask>"""
    )
    called = read.nodes["a"].called
    assert called is not None
    assert (called.called_element, called.binding, called.version, called.tenant_id) == (
        "${which}",
        "version",
        "3",
        "t",
    )
    assert called.inputs == (
        VariableMapping(business_key="#{execution.processBusinessKey}"),
        VariableMapping(all_variables=True, local=True),
        VariableMapping(source_expression="${1+1}", target="two"),
    )
    assert called.outputs == (VariableMapping(source="r", target="q"),)
    decision = read.nodes["d"].implementation
    assert decision is not None
    assert (decision.decision_ref, decision.decision_binding, decision.result_variable) == ("dish", "deployment", "r")
    assert decision.map_decision_result == "singleEntry"
    connector = read.nodes["n"].implementation
    assert connector is not None
    assert (connector.connector_id, connector.connector_inputs) == ("http", (Parameter(name="url", text="u"),))
    assert read.nodes["j"].script == ScriptSource(language="javascript", source="1 + 1")
    assert read.nodes["j"].result_variable == "r"
    mail = read.nodes["m"].implementation
    assert mail is not None
    assert mail.fields == (
        Parameter(name="to", text="${raw}", literal=True),
        Parameter(name="text", text="${made}"),
    )


def test_a_flow_to_a_link_leads_to_its_target() -> None:
    read = process(
        """<b:startEvent id="s"/><b:sequenceFlow id="f" sourceRef="s" targetRef="out"/>
        <b:intermediateThrowEvent id="out" name="l"><b:linkEventDefinition name="l"/></b:intermediateThrowEvent>
        <b:intermediateCatchEvent id="in" name="l"><b:linkEventDefinition name="l"/></b:intermediateCatchEvent>"""
    )
    assert read.flows["f"].target == "in"
    assert list(read.nodes) == ["s", "in"]
    assert read.nodes["in"].incoming == ("f",)
