"""Connectors in processes: a node, a store, and a real HTTP server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from penstock.base.clock import VirtualClock
from penstock.base.errors import Failure
from penstock.base.ids import UuidSource
from penstock.engine import commands as c
from penstock.expr.values import from_native, to_native
from penstock.runtime.delegates import BpmnError, DelegateScope
from penstock.runtime.node import Node
from penstock.runtime.protocol import Deploy, Resource, Settings
from penstock.store.memory.store import MemoryStore
from penstock.store.query import Query, eq
from support.http_server import HttpServer, http_server, late, text

MakeNode = Callable[..., Awaitable[Node]]

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><error id="e" errorCode="Down"/><message id="m" name="M"/>'
)
OUTPUTS = (
    '<camunda:outputParameter name="status">${statusCode}</camunda:outputParameter>'
    '<camunda:outputParameter name="total">${S(response).prop("total").numberValue()}</camunda:outputParameter>'
    '<camunda:outputParameter name="via">${headers["X-Kind"]}, ${headers.get("X-Kind")}</camunda:outputParameter>'
    '<camunda:outputParameter name="kind"><camunda:script scriptFormat="javascript">'
    'connector.getVariable("headers")["X-Kind"] + "/" + S(response).prop("name").stringValue()'
    "</camunda:script></camunda:outputParameter>"
)


def connector(url: str, *, outputs: str = OUTPUTS, id: str = "http-connector", more: str = "") -> str:
    return (
        f"<camunda:connector><camunda:connectorId>{id}</camunda:connectorId><camunda:inputOutput>"
        f'<camunda:inputParameter name="url">{url}</camunda:inputParameter>'
        '<camunda:inputParameter name="method">POST</camunda:inputParameter>'
        '<camunda:inputParameter name="payload"><camunda:script scriptFormat="javascript">'
        "JSON.stringify({order: order})</camunda:script></camunda:inputParameter>"
        '<camunda:inputParameter name="headers"><camunda:map><camunda:entry key="X-Order">${order}</camunda:entry>'
        f"</camunda:map></camunda:inputParameter>{more}{outputs}</camunda:inputOutput></camunda:connector>"
    )


def process(element: str, *, more: str = "", flows: str = "") -> bytes:
    """start → `call` (the element) → after (a user task)."""
    return (
        f'{HEAD}<process id="p" isExecutable="true" camunda:historyTimeToLive="P1D"><startEvent id="start"/>{element}'
        '<userTask id="after"/><sequenceFlow id="f1" sourceRef="start" targetRef="call"/>'
        f'<sequenceFlow id="f2" sourceRef="call" targetRef="after"/>{more}{flows}</process></definitions>'
    ).encode()


def task(inner: str, tag: str = "serviceTask", attributes: str = "") -> str:
    return f'<{tag} id="call" {attributes}><extensionElements>{inner}</extensionElements></{tag}>'


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with http_server() as found:
        found.answers["/order"] = text('{"total": 12.5, "name": "Anna"}', 200, X_Kind="retail")
        yield found


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def make_node(clock: VirtualClock, server: HttpServer) -> AsyncIterator[MakeNode]:
    store = MemoryStore(clock)
    await store.open()
    nodes: list[Node] = []

    async def make(**settings: Any) -> Node:
        delegates = settings.pop("delegates", None)
        settings = {"execute_jobs": False, "connector_hosts": (f"127.0.0.1:{server.port}",), **settings}
        node = Node(store, clock=clock, ids=UuidSource(clock), settings=Settings(**settings), delegates=delegates)
        await node.start()
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        await node.close()
    await store.close()


async def started(node: Node, model: bytes, **variables: Any) -> str:
    made = await node.deploy(Deploy(name="d", resources=[Resource("m.bpmn", model)]))
    values = {name: from_native(value) for name, value in {"order": 7, **variables}.items()}
    return str(await node.execute(c.StartInstance(definition=made.process_definitions[0]["id"], variables=values)))


async def tasks(node: Node, instance: str) -> list[str]:
    state = await node.instance(instance)
    return [] if state is None else [str(found.key) for found in state.tasks.values()]


async def values(node: Node, instance: str) -> dict[str, Any]:
    state = await node.instance(instance)
    assert state is not None
    return {name: to_native(found.value) for name, found in state.executions[instance].variables.items()}


async def job(node: Node) -> dict[str, Any]:
    (row,) = await node.store.rows(Query("job"))
    return dict(row)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - there is no event for what a test looks at
            await asyncio.sleep(0.01)


async def is_at(node: Node, instance: str, task: str) -> bool:
    return await tasks(node, instance) == [task]


async def none_left(node: Node) -> bool:
    return not await node.store.rows(Query("job"))


async def is_so(what: bool) -> bool:
    return what


PLACES = {
    "service task": lambda inner: task(inner),
    "send task": lambda inner: task(inner, "sendTask"),
    "business rule task": lambda inner: task(inner, "businessRuleTask"),
    "message throw event": lambda inner: (
        '<intermediateThrowEvent id="call"><messageEventDefinition messageRef="m"><extensionElements>'
        f"{inner}</extensionElements></messageEventDefinition></intermediateThrowEvent>"
    ),
}


@pytest.mark.parametrize("place", PLACES)
async def test_it_is_called_after_the_commit_as_a_job(place: str, make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node()
    instance = await started(node, process(PLACES[place](connector(f"{server.url}/order"))))
    assert server.seen == []
    found = await job(node)
    assert (found["kind"], found["configuration"], found["activity_id"]) == ("connector", "http-connector", "call")
    assert (found["retries"], found["exclusive"]) == (3, False)
    assert await node.run_due_jobs() == 1
    assert await tasks(node, instance) == ["after"]
    assert await values(node, instance) == {
        "order": 7,
        "status": 200,
        "total": 12.5,
        "via": "retail, retail",
        "kind": "retail/Anna",
    }
    (seen,) = server.seen
    assert (seen.method, seen.body, seen.headers["x-order"]) == ("POST", b'{"order":7}', "7")
    assert seen.headers["idempotency-key"] == found["id"]
    log = await node.rows(Query("job_log", (eq("job_id", found["id"]),)))
    assert sorted(row["state"] for row in log) == ["created", "successful"]


async def test_a_message_end_event_ends_with_the_answer(make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node()
    end = (
        '<endEvent id="call"><messageEventDefinition messageRef="m"><extensionElements>'
        f"{connector(f'{server.url}/order')}</extensionElements></messageEventDefinition></endEvent>"
    )
    model = process(end).replace(b'<sequenceFlow id="f2" sourceRef="call" targetRef="after"/>', b"")
    instance = await started(node, model)
    await node.run_due_jobs()
    assert len(server.seen) == 1
    assert await node.instance(instance) is None


async def test_failures_take_retries_with_growing_pauses_and_end_in_an_incident(
    make_node: MakeNode, server: HttpServer, clock: VirtualClock
) -> None:
    node = await make_node(connector_hosts=("127.0.0.1:1",))
    instance = await started(node, process(task(connector("http://127.0.0.1:1/x?token=secret"))))
    for left, pause_ms in ((2, 10_000), (1, 20_000), (0, 40_000)):
        assert await node.run_due_jobs() == 1
        found = await job(node)
        assert (found["retries"], found["due_ms"]) == (left, clock.now_ms() + pause_ms)
        assert found["failed_activity_id"] == "call"
        assert "http://127.0.0.1:1/x cannot be reached" in found["message"]
        assert "secret" not in found["message"]
        assert await node.run_due_jobs() == 0
        clock.advance_ms(pause_ms)
    state = await node.instance(instance)
    assert state is not None
    (incident,) = state.incidents.values()
    assert (incident.type, incident.activity) == ("failedJob", "call")


async def test_the_models_own_cycle_of_retries_counts(
    make_node: MakeNode, server: HttpServer, clock: VirtualClock
) -> None:
    node = await make_node(connector_hosts=("127.0.0.1:1",))
    cycle = "<camunda:failedJobRetryTimeCycle>R5/PT7M</camunda:failedJobRetryTimeCycle>"
    await started(node, process(task(connector("http://127.0.0.1:1/") + cycle)))
    await node.run_due_jobs()
    found = await job(node)
    assert (found["retries"], found["due_ms"]) == (4, clock.now_ms() + 7 * 60_000)


async def test_a_host_that_is_not_listed_is_an_incident_at_once_and_says_what_to_set(
    make_node: MakeNode, server: HttpServer
) -> None:
    node = await make_node(connector_hosts=())
    instance = await started(node, process(task(connector(f"{server.url}/order"))))
    await node.run_due_jobs()
    found = await job(node)
    assert found["retries"] == 0
    assert f"'127.0.0.1:{server.port}': add it to the setting connector_hosts" in found["message"]
    state = await node.instance(instance)
    assert state is not None and len(state.incidents) == 1
    assert server.seen == []


async def test_after_the_cause_is_removed_new_retries_finish_it(
    make_node: MakeNode, server: HttpServer, clock: VirtualClock
) -> None:
    node = await make_node()
    throw = (
        '<camunda:inputParameter name="configuration"><camunda:map>'
        '<camunda:entry key="throw-http-error">TRUE</camunda:entry></camunda:map></camunda:inputParameter>'
    )
    server.answers["/order"] = text("busy", 503)
    instance = await started(node, process(task(connector("${url}", more=throw))), url=f"{server.url}/order")
    for _ in range(3):
        await node.run_due_jobs()
        clock.advance_ms(60_000)
    assert "Status Code: 503, Response: busy" in (await job(node))["message"]
    server.answers["/v2"] = text('{"total": 1, "name": "B"}', X_Kind="k")
    await node.execute(c.SetVariables(instance=instance, modifications={"url": from_native(f"{server.url}/v2")}))
    key = (await job(node))["id"]
    await node.execute(c.ChangeJob(instance=instance, job=key, changes={"retries": 1}))
    await node.run_due_jobs()
    assert await tasks(node, instance) == ["after"]
    assert {seen.headers["idempotency-key"] for seen in server.seen} == {key}, "each attempt has the same key"
    state = await node.instance(instance)
    assert state is not None and not state.incidents


async def test_an_output_that_fails_fails_the_job_and_sets_nothing(make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node()
    bad = (
        '<camunda:outputParameter name="first">${statusCode}</camunda:outputParameter>'
        '<camunda:outputParameter name="second">${nothing.here}</camunda:outputParameter>'
    )
    instance = await started(node, process(task(connector(f"{server.url}/order", outputs=bad))))
    await node.run_due_jobs()
    assert (await job(node))["retries"] == 2
    assert "first" not in await values(node, instance)


BOUNDARY = (
    '<boundaryEvent id="b" attachedToRef="call"><errorEventDefinition errorRef="e"/></boundaryEvent>'
    '<userTask id="rescue"/><sequenceFlow id="f3" sourceRef="b" targetRef="rescue"/>'
)


async def test_a_bpmn_error_of_an_output_script_is_caught(make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node()
    script = (
        '<camunda:outputParameter name="x"><camunda:script scriptFormat="javascript">'
        "if (statusCode == 404) throw new org.camunda.bpm.engine.delegate.BpmnError('Down', 'not found'); 1"
        "</camunda:script></camunda:outputParameter>"
    )
    server.answers["/order"] = text("no", 404)
    instance = await started(node, process(task(connector(f"{server.url}/order", outputs=script)), more=BOUNDARY))
    await node.run_due_jobs()
    assert await tasks(node, instance) == ["rescue"]


async def test_registered_callables_are_connectors(make_node: MakeNode, server: HttpServer) -> None:
    seen: list[Any] = []

    async def soap(scope: DelegateScope) -> Any:
        seen.append((scope.kind, scope.element, scope.fields))
        scope.set("note", "from the callable")
        return {"statusCode": 200, "headers": {"X-Kind": "soap"}, "response": '{"total": 3, "name": "S"}'}

    def down(scope: DelegateScope) -> Any:
        raise BpmnError("Down")

    node = await make_node(delegates={"soap-http-connector": soap, "http-connector": down})
    instance = await started(node, process(task(connector("http://x", id="soap-http-connector"))))
    await node.run_due_jobs()
    assert (await values(node, instance))["kind"] == "soap/S"
    assert (await values(node, instance))["note"] == "from the callable"
    assert seen[0][:2] == ("connector", "call")
    assert seen[0][2]["payload"] == '{"order":7}'
    other = await started(node, process(task(connector("http://x")), more=BOUNDARY))
    await node.run_due_jobs()
    assert await tasks(node, other) == ["rescue"], "a callable goes before the connector of the same name"


async def test_a_connector_that_nobody_knows_is_warned_of_and_is_an_incident(make_node: MakeNode) -> None:
    node = await make_node()
    model = process(task(connector("http://x", id="mail-send")))
    made = await node.deploy(Deploy(name="w", resources=[Resource("m.bpmn", model)]))
    (warning,) = made.warnings["m.bpmn"]
    assert "'mail-send' (connector): register a Python callable" in warning.message
    assert warning.main_element_id == "call"
    await started(node, model)
    await node.run_due_jobs()
    found = await job(node)
    assert found["retries"] == 0
    assert found["message"].startswith("There is no connector 'mail-send', which 'call' needs: register")


async def test_what_takes_too_long_fails(make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node(connector_timeout_ms=50)
    server.answers["/order"] = late(5)
    await started(node, process(task(connector(f"{server.url}/order"))))
    await node.run_due_jobs()
    assert "took longer than 50 ms (setting connector_timeout_ms)" in (await job(node))["message"]


async def test_nothing_waits_for_a_call_but_its_activity(make_node: MakeNode, server: HttpServer) -> None:
    """While the call is under way its instance can be changed, and what was changed is what the answer meets."""
    node = await make_node()
    reached, go = asyncio.Event(), asyncio.Event()

    async def answer(seen: Any, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await go.wait()
        await text('{"total": 1, "name": "N"}', X_Kind="k")(seen, writer)

    server.answers["/order"] = answer
    instance = await started(node, process(task(connector(f"{server.url}/order"))))
    running = asyncio.create_task(node.run_due_jobs())
    await asyncio.wait_for(reached.wait(), 30)
    await asyncio.wait_for(node.execute(c.SetVariables(instance=instance, modifications={"other": from_native(1)})), 30)
    go.set()
    await running
    assert (await values(node, instance))["other"] == 1
    assert await tasks(node, instance) == ["after"]


async def test_an_answer_to_an_activity_that_was_canceled_meanwhile_changes_nothing(
    make_node: MakeNode, server: HttpServer
) -> None:
    node = await make_node()
    reached, go = asyncio.Event(), asyncio.Event()

    async def answer(seen: Any, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await go.wait()
        await text("{}")(seen, writer)

    server.answers["/order"] = answer
    instance = await started(node, process(task(connector(f"{server.url}/order"))))
    running = asyncio.create_task(node.run_due_jobs())
    await asyncio.wait_for(reached.wait(), 30)
    move = (
        c.StartInstruction(type="startBeforeActivity", activity="after"),
        c.StartInstruction(type="cancel", activity="call"),
    )
    await node.execute(c.ModifyInstance(instance=instance, instructions=move))
    go.set()
    await running
    assert await tasks(node, instance) == ["after"]
    assert await node.store.rows(Query("job")) == []


async def test_an_answer_that_comes_after_the_lease_is_dropped(
    make_node: MakeNode, server: HttpServer, clock: VirtualClock
) -> None:
    node = await make_node()
    reached, go = asyncio.Event(), asyncio.Event()

    async def answer(seen: Any, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await go.wait()
        await text('{"total": 1, "name": "N"}', X_Kind="k")(seen, writer)

    server.answers["/order"] = answer
    instance = await started(node, process(task(connector(f"{server.url}/order"))))
    running = asyncio.create_task(node.run_due_jobs())
    await asyncio.wait_for(reached.wait(), 30)
    clock.advance_ms(node.settings.job_lease_ms + 1)
    (taken,) = await node.store.lease_jobs("another-node", clock.now_ms() + 1_000, 10, clock.now_ms())
    go.set()
    await running
    assert (await job(node))["id"] == taken["id"]
    assert await tasks(node, instance) == []
    assert "status" not in await values(node, instance)
    clock.advance_ms(1_001)
    await node.run_due_jobs()
    assert await tasks(node, instance) == ["after"]
    assert len(server.seen) == 2


async def test_slow_services_do_not_hold_up_other_jobs(make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node(execute_jobs=True, jobs_at_once=2, connector_calls_at_once=5)
    go = asyncio.Event()

    async def answer(seen: Any, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        await text('{"total": 1, "name": "N"}', X_Kind="k")(seen, writer)

    server.answers["/order"] = answer
    model = process(task(connector(f"{server.url}/order")))
    first = await started(node, model)
    state = await node.instance(first)
    assert state is not None
    for _ in range(9):
        await node.execute(c.StartInstance(definition=state.definition or "", variables={"order": from_native(1)}))
    await until(lambda: is_so(server.now == 7))
    await asyncio.sleep(0.05)
    assert server.most == 7, "jobs_at_once and connector_calls_at_once together"
    go.set()
    await until(lambda: none_left(node))
    assert len(server.seen) == 10


async def test_a_waiting_call_takes_no_place_of_a_timer(make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node(execute_jobs=True, jobs_at_once=1)
    go, reached = asyncio.Event(), asyncio.Event()

    async def answer(seen: Any, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await go.wait()
        await text('{"total": 1, "name": "N"}', X_Kind="k")(seen, writer)

    server.answers["/order"] = answer
    await started(node, process(task(connector(f"{server.url}/order"))))
    await asyncio.wait_for(reached.wait(), 30)
    other = await started(node, process('<task id="call" camunda:asyncBefore="true"/>'))
    await until(lambda: is_at(node, other, "after"))
    go.set()


async def test_parallel_connectors_of_one_instance_are_called_at_once(make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node(execute_jobs=True)
    together = asyncio.Barrier(3)

    async def answer(seen: Any, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(30):
            await together.wait()
        await text('{"total": 1, "name": "N"}', X_Kind="k")(seen, writer)

    server.answers["/order"] = answer
    loop = "<multiInstanceLoopCharacteristics><loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics>"
    element = task(connector(f"{server.url}/order")).replace("</serviceTask>", f"{loop}</serviceTask>")
    instance = await started(node, process(element))
    await until(lambda: is_at(node, instance, "after"))


async def test_a_person_may_execute_the_job(make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node()
    instance = await started(node, process(task(connector(f"{server.url}/order"))))
    assert await node.execute(c.ExecuteJob(instance=instance, job=(await job(node))["id"], user="anna")) is None
    assert await tasks(node, instance) == ["after"]
    other = await started(node, process(task(connector("http://elsewhere.test/"))))
    with pytest.raises(Failure, match="connector_hosts"):
        await node.execute(c.ExecuteJob(instance=other, job=(await job(node))["id"]))


async def test_it_does_not_accept_signals(make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node()
    instance = await started(node, process(task(connector(f"{server.url}/order"))))
    with pytest.raises(Failure, match="it goes on when its connector has answered"):
        await node.execute(c.SignalExecution(instance=instance, execution=instance))


async def test_only_the_job_of_a_connector_takes_an_answer(make_node: MakeNode) -> None:
    node = await make_node()
    instance = await started(node, process('<task id="call" camunda:asyncBefore="true"/>'))
    found = await job(node)
    with pytest.raises(Exception, match="not that of a connector"):
        await node.execute(c.CompleteConnector(instance=instance, job=found["id"]))


async def test_its_jobs_have_a_definition(make_node: MakeNode, server: HttpServer) -> None:
    node = await make_node()
    await started(node, process(task(connector(f"{server.url}/order"))))
    (row,) = await node.rows(Query("job_definition"))
    assert (row["activity_id"], row["type"], row["configuration"]) == ("call", "connector", "http-connector")
    assert row["id"] == (await job(node))["job_definition_id"]


@pytest.mark.parametrize(
    "settings", [{"connector_timeout_ms": 300_000}, {"connector_timeout_ms": 0}, {"connector_hosts": ("http://a",)}]
)
async def test_settings_that_make_no_sense_are_refused(make_node: MakeNode, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="connector_"):
        await make_node(**settings)


async def test_short_leases_need_no_other_setting(make_node: MakeNode) -> None:
    await make_node(job_lease_ms=2_000)
    with pytest.raises(ValueError, match="connector_timeout_ms is 2000"):
        await make_node(job_lease_ms=2_000, connector_timeout_ms=2_000)
