"""Deploying, versions, start events, deleting."""

import pytest
from runtime_models import EXPRESSION, EXTERNAL, TIMER_START, deploy, deployed_id, fetch, process, sequence

from penstock.base.errors import BadUserRequest, Failure, NotFound, NotValid, ParseFailed
from penstock.engine import commands as c
from penstock.engine.definition import job_definition_id
from penstock.runtime.node import Node
from penstock.runtime.protocol import Deploy, Resource
from penstock.store.protocol import Store
from penstock.store.query import Query, eq, is_null

MESSAGE = (
    '<startEvent id="start"><messageEventDefinition messageRef="m"/></startEvent><endEvent id="end"/>'
    '<sequenceFlow id="f" sourceRef="start" targetRef="end"/>'
)
SIGNAL = MESSAGE.replace("messageEventDefinition messageRef", "signalEventDefinition signalRef")
M = '<message id="m" name="order"/>'
S = '<signal id="m" name="alarm"/>'


async def test_versions_count_per_key_and_tenant(node: Node, store: Store) -> None:
    first = (await deploy(node, EXPRESSION)).process_definitions[0]
    second = (await deploy(node, EXTERNAL)).process_definitions[0]
    other = (await deploy(node, EXPRESSION, tenant="t")).process_definitions[0]
    assert [row["version"] for row in (first, second, other)] == [1, 2, 1]
    assert first["id"].startswith("p:1:")
    assert await node.latest("p", None) == second["id"]
    assert await node.latest("p", "t") == other["id"]
    assert await node.latest("q", None) is None
    latest = {row["id"]: row["latest"] for row in await store.rows(Query("process_definition"))}
    assert latest == {first["id"]: False, second["id"]: True, other["id"]: True}
    assert first["history_time_to_live"] == 180


async def test_definition_rows_say_what_the_model_says(node: Node) -> None:
    body = process(EXPRESSION, attributes='name="Order" camunda:versionTag="1.2" camunda:historyTimeToLive="P5D"')
    deployed = await node.deploy(
        Deploy(
            name="d", resources=[Resource("a/order.bpmn", body), Resource("a/order.png", b"x"), Resource("r.txt", b"y")]
        )
    )
    (row,) = deployed.process_definitions
    assert (row["name"], row["version_tag"], row["history_time_to_live"]) == ("Order", "1.2", 5)
    assert (row["resource_name"], row["diagram_name"]) == ("a/order.bpmn", "a/order.png")
    assert row["category"] == "tests"
    assert (await node.definition(row["id"])).process.version_tag == "1.2"


async def test_the_same_again_is_not_deployed_again(node: Node, store: Store) -> None:
    first = await deploy(node, EXPRESSION, enable_duplicate_filtering=True)
    again = await deploy(node, EXPRESSION, enable_duplicate_filtering=True)
    assert again.deployment["id"] == first.deployment["id"]
    assert again.process_definitions == ()
    assert (await deploy(node, EXPRESSION)).deployment["id"] != first.deployment["id"]
    assert (await deploy(node, EXPRESSION, name="other", enable_duplicate_filtering=True)).process_definitions
    assert await store.count(Query("deployment")) == 3


async def test_only_what_changed(node: Node) -> None:
    one, two = (
        Resource("one.bpmn", process(EXPRESSION, key="one")),
        Resource("two.bpmn", process(EXPRESSION, key="two")),
    )
    await node.deploy(Deploy(name="d", resources=[one, two]))
    changed = Resource("two.bpmn", process(EXTERNAL, key="two"))
    some = await node.deploy(Deploy(name="d", resources=[one, changed], deploy_changed_only=True))
    assert [row["id"][:6] for row in some.process_definitions] == ["two:2:"]
    everything = await node.deploy(Deploy(name="d", resources=[one, two], enable_duplicate_filtering=True))
    assert len(everything.process_definitions) == 2


async def test_what_cannot_be_read_is_refused_whole(node: Node, store: Store) -> None:
    resources = [Resource("good.bpmn", process(EXPRESSION)), Resource("bad.bpmn", process("<task/><nonsense/>"))]
    with pytest.raises(ParseFailed) as caught:
        await node.deploy(Deploy(name="d", resources=resources))
    assert set(caught.value.findings) == {"bad.bpmn"}
    with pytest.raises(NotValid):
        await node.deploy(Deploy(name="d", resources=[]))
    with pytest.raises(Failure, match="same key 'p'"):
        await node.deploy(Deploy(name="d", resources=[Resource(f"{n}.bpmn", process(EXPRESSION)) for n in range(2)]))
    assert await store.count(Query("deployment")) == await store.count(Query("process_definition")) == 0


async def test_job_definitions(node: Node, store: Store) -> None:
    body = sequence('<serviceTask id="a" camunda:asyncBefore="true" camunda:expression="${1}"/>')
    definition = await deployed_id(node, body)
    (row,) = await store.rows(Query("job_definition"))
    assert row["id"] == job_definition_id(definition, "a", "async-continuation", "async-before")
    await node.execute(c.StartInstance(definition=definition))
    await node.suspend_job_definition([row["id"]], True, include_jobs=True)
    assert await node.run_due_jobs() == 0
    await node.execute(c.StartInstance(definition=definition))
    assert await store.count(Query("job", (eq("suspended", True),))) == 2
    assert await node.run_due_jobs() == 0
    await node.suspend_job_definition([row["id"]], False, include_jobs=True)
    assert await node.run_due_jobs() == 2
    with pytest.raises(NotFound, match="Job definition with id 'x' does not exist"):
        await node.suspend_job_definition(["x"], True, include_jobs=False)


async def test_the_priority_of_a_job_definition_overrides_the_model(node: Node, store: Store) -> None:
    body = sequence(
        '<serviceTask id="a" camunda:asyncBefore="true" camunda:jobPriority="5" camunda:expression="${1}"/>'
    )
    definition = await deployed_id(node, body)
    (row,) = await store.rows(Query("job_definition"))

    async def priorities() -> list[int]:
        await node.execute(c.StartInstance(definition=definition))
        return sorted(job["priority"] for job in await store.rows(Query("job")))

    assert await priorities() == [5]
    await node.set_job_definition_priority(row["id"], 70, include_jobs=False)
    assert await priorities() == [5, 70]
    await node.set_job_definition_priority(row["id"], 8, include_jobs=True)
    assert await priorities() == [8, 8, 8]
    (found,) = await store.rows(Query("job_definition"))
    assert found == row | {"job_priority": 8}
    await node.set_job_definition_priority(row["id"], None, include_jobs=False)
    assert await priorities() == [5, 8, 8, 8]
    with pytest.raises(BadUserRequest):
        await node.set_job_definition_priority(row["id"], None, include_jobs=True)
    with pytest.raises(NotFound, match="Job definition with id 'x' does not exist"):
        await node.set_job_definition_priority("x", 1, include_jobs=False)


async def test_the_priority_of_a_start_timer(node: Node, store: Store) -> None:
    await deploy(node, TIMER_START)
    (row,) = await store.rows(Query("job_definition"))
    await node.set_job_definition_priority(row["id"], 9, include_jobs=True)
    (job,) = await store.rows(Query("job"))
    assert job["priority"] == 9
    node.clock.advance_ms(3_600_000)  # type: ignore[attr-defined]
    assert await node.run_due_jobs() == 1
    (following,) = await store.rows(Query("job"))
    assert (following["priority"], following["id"] != job["id"]) == (9, True)


async def test_the_time_that_history_is_kept(node: Node, store: Store) -> None:
    definition = await deployed_id(node, EXPRESSION)
    for days in (5, None, 0):
        await node.set_history_time_to_live(definition, days)
        (row,) = await node.rows(Query("process_definition"))
        assert row["history_time_to_live"] == days
    with pytest.raises(NotFound, match="no deployed process definition found with id 'x'"):
        await node.set_history_time_to_live("x", 1)


async def test_start_subscriptions_belong_to_the_latest_version(node: Node, store: Store) -> None:
    first = await deploy(node, MESSAGE, before=M)
    second = await deploy(node, MESSAGE, before=M)
    (row,) = await store.rows(Query("event_subscription"))
    assert row["definition_id"] == second.process_definitions[0]["id"]
    assert (row["type"], row["name"], row["activity_id"], row["instance_id"]) == ("message", "order", "start", None)
    with pytest.raises(
        Failure, match="there already is a message event subscription for the message with name 'order'"
    ):
        await deploy(node, MESSAGE, before=M, key="q")
    await node.delete_deployment(second.deployment["id"], cascade=True)
    (row,) = await store.rows(Query("event_subscription"))
    assert row["definition_id"] == first.process_definitions[0]["id"]
    assert await node.latest("p", None) == first.process_definitions[0]["id"]
    await deploy(node, EXPRESSION)
    assert await store.rows(Query("event_subscription")) == []


async def test_waiting_instances_keep_their_subscriptions_on_redeployment(node: Node, store: Store) -> None:
    body = sequence('<intermediateCatchEvent id="c"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>')
    instance = await node.execute(c.StartInstance(definition=await deployed_id(node, body, before=M)))
    await deploy(node, body, before=M)
    (row,) = await store.rows(Query("event_subscription"))
    assert row["instance_id"] == instance
    await node.execute(c.TriggerMessage(instance=instance, execution=row["execution_id"], name="order"))
    assert await store.rows(Query("event_subscription")) == []


async def test_a_thrown_signal_starts_who_waits_for_it(node: Node) -> None:
    waiting = await deployed_id(node, SIGNAL, before=S, key="waiting")
    throw = '<intermediateThrowEvent id="t"><signalEventDefinition signalRef="m"/></intermediateThrowEvent>'
    await node.execute(c.StartInstance(definition=await deployed_id(node, sequence(throw), before=S, key="throwing")))
    assert await node.count(Query("process_instance", (eq("definition_id", waiting),))) == 1


async def test_start_timers_follow_the_latest_version(node: Node, store: Store) -> None:
    first = await deploy(node, TIMER_START)
    second = await deploy(node, TIMER_START)
    (job,) = await store.rows(Query("job"))
    assert job["deployment_id"] == second.deployment["id"]
    await node.delete_deployment(second.deployment["id"], cascade=True)
    (job,) = await store.rows(Query("job"))
    assert job["deployment_id"] == first.deployment["id"]
    await node.delete_deployment(first.deployment["id"], cascade=True)
    for table in ("job", "job_definition", "process_definition", "resource", "deployment"):
        assert await store.rows(Query(table)) == []
    assert await node.count(Query("job_log")) == 0


async def test_deleting_with_everything(node: Node, store: Store) -> None:
    deployed = await deploy(node, EXTERNAL)
    definition = deployed.process_definitions[0]["id"]
    for _ in range(3):
        await node.execute(c.StartInstance(definition=definition))
    with pytest.raises(Failure, match="can't be deleted, because there are 3 dependent process instances"):
        await node.delete_deployment(deployed.deployment["id"], cascade=False)
    await node.delete_deployment(deployed.deployment["id"], cascade=True)
    for table in ("process_instance", "activity_instance", "external_task_log", "external_task", "process_definition"):
        assert await node.count(Query(table)) == 0, table
    assert await node.fetch_and_lock(fetch(), wait_ms=None) == []
    with pytest.raises(NotFound):
        await node.execute(c.StartInstance(definition=definition))
    with pytest.raises(NotFound, match="does not exist"):
        await node.delete_deployment(deployed.deployment["id"], cascade=True)


async def test_deleting_one_version(node: Node) -> None:
    first, second = await deployed_id(node, EXPRESSION), await deployed_id(node, EXPRESSION)
    await node.delete_definition(second, cascade=False)
    assert await node.latest("p", None) == first
    assert await node.count(Query("process_definition", (eq("latest", True),))) == 1


async def test_resources_of_a_deployment_are_there_for_scripts(node: Node) -> None:
    script = (
        '<scriptTask id="s" scriptFormat="javascript" camunda:resource="deployment://s.js" camunda:resultVariable="r"/>'
    )
    model = Resource("p.bpmn", process(sequence(script, '<userTask id="t"/>')))
    deployed = await node.deploy(Deploy(name="d", resources=[model, Resource("s.js", b"40 + 2")]))
    instance = await node.execute(c.StartInstance(definition=deployed.process_definitions[0]["id"]))
    state = await node.instance(instance)
    assert state is not None
    assert state.executions[instance].variables["r"].value.value == 42


async def test_a_deployment_that_becomes_active_later(node: Node, store: Store) -> None:
    deployed = await deploy(node, EXPRESSION, activate_at_ms=node.clock.now_ms() + 1_000)
    (row,) = deployed.process_definitions
    assert row["suspended"]
    node.clock.advance_ms(1_000)  # type: ignore[attr-defined]
    assert await node.run_due_jobs() == 1
    await node.execute(c.StartInstance(definition=row["id"]))
    assert await store.count(Query("job", (is_null("instance_id"),))) == 0
