"""Services on real nodes."""

import asyncio

import pytest
from runtime_models import EXTERNAL, TIMER_START, USER, MakeNode, deploy, deployed_id, one_task, sequence, until
from sharing import Share, start, started

from penstock.base.clock import SystemClock, VirtualClock
from penstock.base.errors import BoundExceeded, LimitReached, NotAuthorized, NotFound
from penstock.base.ids import UuidSource
from penstock.engine import commands as c
from penstock.expr.values import from_native
from penstock.runtime.node import Node
from penstock.runtime.protocol import Authentication, Deploy, Resource, Settings
from penstock.runtime.services.config import BadServices
from penstock.store.postgresql.store import PostgresqlStore
from penstock.store.protocol import Store
from penstock.store.query import Query, is_null

TWO_RUN = '[[service]]\nname = "s"\ndefinitions = ["p", "called"]\nmax_running_instances = 2\n'
CALL = sequence('<callActivity id="call" calledElement="called"/>')


async def running(node: Node) -> int:
    return await node.count(Query("process_instance", (is_null("ended_ms"),)))


async def test_a_flood_takes_what_it_may_and_others_go_on(node: Node, share: Share) -> None:
    mine, other = await deployed_id(node, USER), await deployed_id(node, USER, key="q")
    services = await share(node, TWO_RUN.replace("2", "7"))
    answers = await asyncio.gather(*(start(node, mine) for _ in range(50)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, LimitReached)]
    assert len(refused) == 43
    assert await started(node, other, 10) == 10
    assert await running(node) == 17
    (usage,) = services.usage()
    assert (usage.running_instances, usage.starts, usage.refused) == (7, 7, {"max_running_instances": 43})


async def test_an_end_makes_room(node: Node, share: Share) -> None:
    definition = await deployed_id(node, EXTERNAL)
    await share(node, TWO_RUN)
    assert await started(node, definition, 5) == 2
    task = await one_task(node, most=1)
    await node.execute(c.CompleteExternalTask(instance=task["instance_id"], external_task=task["id"], worker="w"))
    assert await started(node, definition, 5) == 1


async def test_a_start_that_fails_takes_nothing(node: Node, share: Share) -> None:
    failing = await deployed_id(node, sequence('<serviceTask id="work" camunda:expression="${nothing}"/>'))
    await share(node, TWO_RUN)
    for _ in range(5):
        with pytest.raises(Exception, match="nothing"):
            await start(node, failing)
    with pytest.raises(NotFound):
        await start(node, "p:9:unknown")
    assert await started(node, await deployed_id(node, USER), 5) == 2


async def test_what_runs_already_counts(store: Store, make_node: MakeNode, share: Share) -> None:
    node = await make_node(store)
    definition = await deployed_id(node, USER)
    assert await started(node, definition, 3) == 3
    services = await share(node, TWO_RUN.replace("2", "4"))
    assert services.usage()[0].running_instances == 3
    assert await started(node, definition, 5) == 1


async def test_called_instances_and_timers_count_and_are_not_refused(
    node: Node, share: Share, clock: VirtualClock
) -> None:
    await deploy(node, USER, key="called")
    caller = await deployed_id(node, CALL, key="caller")
    timed = await deployed_id(node, USER)
    services = await share(node, TWO_RUN)
    assert await started(node, caller, 3) == 3
    assert services.usage()[0].running_instances == 3
    assert await started(node, timed, 3) == 0
    await deploy(node, TIMER_START)
    clock.advance_ms(3_600_000)
    assert await node.run_due_jobs() == 1


async def test_a_variable_has_the_bound_of_its_service(node: Node, share: Share) -> None:
    mine, other = await deployed_id(node, EXTERNAL), await deployed_id(node, USER, key="q")
    await share(node, '[[service]]\nname = "s"\ndefinitions = ["p"]\nmax_variable_bytes = 100\n')
    large = {"v": from_native("x" * 101)}
    await node.execute(c.StartInstance(definition=other, variables=large))
    with pytest.raises(BoundExceeded, match=r"101 bytes, more than 100 \(max_variable_bytes of service 's'\)"):
        await node.execute(c.StartInstance(definition=mine, variables=large))
    await start(node, mine)
    task = await one_task(node)
    done = c.CompleteExternalTask(instance=task["instance_id"], external_task=task["id"], worker="w", variables=large)
    with pytest.raises(BoundExceeded):
        await node.execute(done)


async def test_open_tasks_are_counted(node: Node, share: Share) -> None:
    definition = await deployed_id(node, EXTERNAL)
    assert await started(node, definition, 3) == 3
    sections = '[[service]]\nname = "s"\ndefinitions = ["p"]\ntopics = ["t", "u"]\nmax_open_tasks = 3\n'
    services = await share(node, sections)

    await until(lambda: services.usage()[0].open_tasks == 3)
    with pytest.raises(LimitReached, match="3 external tasks are open"):
        await start(node, definition)


async def test_the_file_is_followed_and_nonsense_is_not(node: Node, share: Share) -> None:
    definition = await deployed_id(node, USER)
    services = await share(node, TWO_RUN)
    assert await started(node, definition, 5) == 2
    assert services._file is not None
    services._file.write_text(TWO_RUN.replace("2", "3"))
    await services.reload()
    assert await started(node, definition, 5) == 1
    services._file.write_text(TWO_RUN.replace("2", "-3"))
    await services.reload()
    assert await started(node, definition, 5) == 0
    services._file.write_text("")
    await services.reload()
    assert node.sharing is None
    assert await started(node, definition, 5) == 5


async def test_an_answer_that_was_given_is_given_again(node: Node, share: Share) -> None:
    """An idempotency key is known although the service may start no more."""
    definition = await deployed_id(node, USER)
    await share(node, TWO_RUN)
    command = c.StartInstance(definition=definition)
    first = await node.execute(command, idempotency_key="k")
    assert await started(node, definition, 5) == 1
    assert await node.execute(command, idempotency_key="k") == first
    with pytest.raises(LimitReached):
        await node.execute(command, idempotency_key="other")


async def test_a_message_waits_until_there_is_room(node: Node, share: Share) -> None:
    definition = await deployed_id(node, EXTERNAL)
    services = await share(node, TWO_RUN)
    assert await started(node, definition, 5) == 2
    command = c.StartInstance(definition=definition)
    expires_ms = node.clock.now_ms() + 1_000_000
    waiting = asyncio.create_task(node.take_in(command, key="m", expires_ms=expires_ms))
    with pytest.raises(LimitReached):
        await node.take_in(command, key="n", expires_ms=expires_ms, patient=False)
    await asyncio.sleep(0.1)
    assert not waiting.done()
    assert services.usage()[0].waiting_messages == 1
    task = await one_task(node, most=1)
    await node.execute(c.CompleteExternalTask(instance=task["instance_id"], external_task=task["id"], worker="w"))
    await asyncio.wait_for(waiting, 10)
    assert services.usage()[0].waiting_messages == 0
    assert await started(node, definition, 5) == 0


# ------------------------------------------------------------------------------------------ owners

OWNED = '[[service]]\nname = "s"\ndefinitions = ["p", "d-*"]\ndeployers = ["ada"]\n'
DECISION = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="m" name="m" namespace="t">
  <decision id="d-1" name="D"><variable name="d"/><literalExpression><text>1</text></literalExpression></decision>
</definitions>"""


async def test_only_the_owner_deploys_and_deletes(store: Store, make_node: MakeNode, share: Share) -> None:
    node = await make_node(store, authentication=Authentication.BASIC)
    await share(node, OWNED)
    for user in ("eve", None):
        with pytest.raises(NotAuthorized, match="'p'"):
            await deploy(node, USER, user=user)
    made = await deploy(node, USER, user="ada")
    await deploy(node, USER, key="q", user="eve")
    with pytest.raises(NotAuthorized):
        await node.delete_definition(made.process_definitions[0]["id"], cascade=True, user="eve")
    with pytest.raises(NotAuthorized):
        await node.delete_deployment(made.deployment["id"], cascade=True, user="eve")
    decision = Deploy(name="d", resources=[Resource("d.dmn", DECISION)], user="ada")
    deployed = await node.deploy(decision)
    assert [row["key"] for row in deployed.decision_definitions] == ["d-1"]
    with pytest.raises(NotAuthorized, match="'d-1'"):
        await node.delete_deployment(deployed.deployment["id"], cascade=True, user="eve")
    for found in (made, deployed):
        await node.delete_deployment(found.deployment["id"], cascade=True, user="ada")


async def test_deployers_need_authentication(node: Node, share: Share) -> None:
    with pytest.raises(BadServices, match="nobody says who they are"):
        await share(node, OWNED)
    assert node.sharing is None


# ------------------------------------------------------------------------------------------ several nodes


async def test_nodes_on_one_store_stay_within_the_limit_together(
    postgres_url: str, share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit, nodes = 30, []
    sections = f'[[service]]\nname = "s"\ndefinitions = ["p"]\nmax_running_instances = {limit}\n'
    stores = [PostgresqlStore(postgres_url, SystemClock()) for _ in range(2)]
    try:
        for store in stores:
            await store.open()
            clock = SystemClock()
            node = Node(store, clock=clock, ids=UuidSource(clock), settings=Settings(execute_jobs=False))
            await node.start()
            nodes.append(node)
        definition = await deployed_id(nodes[0], USER)
        services = [await share(node, sections) for node in nodes]
        for found in services:
            await found._usage.look()
        await services[0]._usage.look()  # which has not seen the other one before
        assert [found.usage()[0].nodes for found in services] == [2, 2]
        total = 0
        for _ in range(10):
            floods = await asyncio.gather(*(started(node, definition, 100) for node in nodes))
            total += sum(floods)
            # Parts of what was left are rounded up.
            assert total < limit + 2 * len(nodes)
            for found in services:
                await found._usage.look()
        assert total >= limit
        assert [found.usage()[0].running_instances for found in services] == [total, total]
    finally:
        for node in nodes:
            await node.close()
        for store in stores:
            await store.close()
