"""What a node counts and measures, seen as Prometheus sees it."""

import asyncio

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from runtime_models import ASYNC, EXTERNAL, MakeNode, deployed_id, fetch, sequence, until

from penstock.api.app import create_app
from penstock.base.clock import VirtualClock
from penstock.base.errors import BadUserRequest, Failure, StoreFailed
from penstock.engine import commands as c
from penstock.expr.values import TypedValue
from penstock.runtime.node import Node
from penstock.runtime.telemetry import backlog as backlog_module
from penstock.runtime.telemetry import catalogue
from penstock.runtime.telemetry.backlog import Backlog
from penstock.runtime.telemetry.counters import Histogram
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import Fetch, Store, TopicFetch

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(node: Node, accept: str = "") -> Samples:
    """Everything that `/metrics` says: (name, labels) → value."""
    transport = httpx.ASGITransport(app=create_app(node))
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        answer = await client.get("/metrics", headers={"accept": accept} if accept else {})
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


@pytest.fixture(autouse=True)
def _fresh_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_module, "REFRESH_S", 0.0)
    monkeypatch.setattr(backlog_module, "PAUSE_FACTOR", 0)


async def test_every_metric_of_the_catalogue_is_shown(node: Node) -> None:
    await node.execute(c.StartInstance(definition=await deployed_id(node, EXTERNAL)))
    shown = {name for name, _ in await scrape(node)}
    # No incident, nothing has ended, and the first request is counted after its answer: nothing to put on a label.
    nothing = {catalogue.INCIDENTS.name, catalogue.ENDED.name, catalogue.REQUESTS.name}
    nothing |= {metric.name for metric in (*catalogue.BUS, *catalogue.SERVICES)}
    expected = {metric.name for metric in catalogue.METRICS} - nothing
    plain = {name.removesuffix("_count") for name in shown}
    assert expected <= plain
    assert {name for name in plain if name.startswith("penstock_")} <= {
        f"{metric.name}{end}" for metric in catalogue.METRICS for end in ("", "_bucket", "_sum", "_count")
    }


def test_names_follow_prometheus() -> None:
    for metric in catalogue.METRICS:
        assert metric.name.startswith("penstock_")
        assert (metric.kind is catalogue.Kind.COUNTER) == metric.name.endswith("_total")
        assert "_ms" not in metric.name, "Prometheus wants seconds"
    assert len({metric.name for metric in catalogue.METRICS}) == len(catalogue.METRICS)


async def test_units_instances_and_batches_are_counted(node: Node) -> None:
    definition = await deployed_id(node, EXTERNAL)
    key = definition.partition(":")[0]
    await asyncio.gather(*(node.execute(c.StartInstance(definition=definition)) for _ in range(3)))
    (task,) = await node.fetch_and_lock(fetch(most=1), wait_ms=None)
    done = c.CompleteExternalTask(instance=task["instance_id"], external_task=task["id"], worker="w")
    with pytest.raises(BadUserRequest):
        await node.execute(c.CompleteExternalTask(instance=task["instance_id"], external_task=task["id"], worker="x"))
    await node.execute(done)
    samples = await scrape(node)
    assert value(samples, "penstock_units_total", command="StartInstance", outcome="committed") == 3
    assert value(samples, "penstock_units_total", command="CompleteExternalTask", outcome="committed") == 1
    assert value(samples, "penstock_units_total", command="CompleteExternalTask", outcome="refused") == 1
    assert value(samples, "penstock_instances_started_total", definition_key=key) == 3
    assert value(samples, "penstock_instances_ended_total", definition_key=key) == 1
    assert value(samples, "penstock_batches_total") == value(samples, "penstock_batch_units_count")
    # A batch that is refused has taken its time as well.
    assert value(samples, "penstock_commit_seconds_count") > value(samples, "penstock_batches_total")
    # Three starts, one completion, and the deployment, which the committer writes too.
    assert value(samples, "penstock_batch_units_sum") >= 5


async def test_the_backlog_is_measured(node: Node, clock: VirtualClock) -> None:
    definition = await deployed_id(node, EXTERNAL)
    for _ in range(3):
        await node.execute(c.StartInstance(definition=definition))
    clock.advance_ms(5_000)
    (task,) = await node.fetch_and_lock(fetch(most=1), wait_ms=None)
    samples = await scrape(node)
    assert value(samples, "penstock_external_tasks_open", topic="t") == 3
    assert value(samples, "penstock_external_tasks_locked", topic="t") == 1
    assert value(samples, "penstock_external_task_oldest_age_seconds", topic="t") == 5
    await node.execute(c.FailExternalTask(instance=task["instance_id"], external_task=task["id"], worker="w"))
    await until(lambda: not node.metrics()["view_rows_behind"])
    assert value(await scrape(node), "penstock_incidents_open", type="failedExternalTask") == 1


async def test_jobs_are_counted(node: Node) -> None:
    answer = {"answer": TypedValue("Long", 1)}
    await node.execute(c.StartInstance(definition=await deployed_id(node, ASYNC), variables=answer))
    samples = await scrape(node)
    assert (value(samples, "penstock_jobs_open"), value(samples, "penstock_jobs_due")) == (1, 1)
    await node.run_due_jobs()
    failing = sequence('<serviceTask id="bad" camunda:asyncBefore="true" camunda:expression="${missing}"/>')
    await node.execute(c.StartInstance(definition=await deployed_id(node, failing)))
    await node.run_due_jobs()
    samples = await scrape(node)
    assert value(samples, "penstock_jobs_failed_total") == 3
    assert value(samples, "penstock_jobs_executed_total") >= 1
    assert value(samples, "penstock_jobs_without_retries") == 1
    assert value(samples, "penstock_units_total", command="ExecuteJob", outcome="failed") == 3


async def test_a_unit_that_fails_is_no_refusal(node: Node) -> None:
    definition = await deployed_id(node, sequence('<serviceTask id="bad" camunda:expression="${missing}"/>'))
    with pytest.raises(Failure):
        await node.execute(c.StartInstance(definition=definition))
    samples = await scrape(node)
    assert value(samples, "penstock_units_total", command="StartInstance", outcome="failed") == 1


async def test_lag_is_measured_in_rows_and_seconds(node: Node, clock: VirtualClock) -> None:
    definition = await deployed_id(node, EXTERNAL)
    await node._projector.close()
    await node.execute(c.StartInstance(definition=definition))
    clock.advance_ms(7_000)
    samples = await scrape(node)
    assert value(samples, "penstock_views_behind_rows") >= 1
    assert value(samples, "penstock_views_behind_seconds") >= 7


async def test_requests_are_counted_by_the_template_of_their_path(node: Node) -> None:
    transport = httpx.ASGITransport(app=create_app(node))
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        for id in ("a", "b"):
            assert (await client.get(f"/engine-rest/external-task/{id}")).status_code == 404
        await client.get("/engine-rest/no/such/path")
        await client.get("/metrics")
    samples = await scrape(node)
    name = "penstock_http_request_seconds_count"
    assert value(samples, name, method="GET", route="/engine-rest/external-task/{id}", status="404") == 2
    assert value(samples, name, method="GET", route="(unknown)", status="404") == 1
    assert value(samples, name, method="GET", route="/metrics", status="200") == 1


async def test_openmetrics_for_those_who_ask(node: Node) -> None:
    transport = httpx.ASGITransport(app=create_app(node))
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        answer = await client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_the_fullest_topics_are_shown_and_the_others_added_up(
    make_node: MakeNode, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "TOPICS_MAX", 1)
    store = MemoryStore(clock)
    await store.open()
    node = await make_node(store)
    for topic, count in (("full", 3), ("few", 1), ("fewer", 1)):
        task = f'<serviceTask id="work" camunda:type="external" camunda:topic="{topic}"/>'
        definition = await deployed_id(node, sequence(task))
        for _ in range(count):
            await node.execute(c.StartInstance(definition=definition))
    topics = (TopicFetch(topic="few", lock_duration_ms=60_000), TopicFetch(topic="fewer", lock_duration_ms=60_000))
    assert len(await node.fetch_and_lock(Fetch(worker="w", max_tasks=5, topics=topics), wait_ms=None)) == 2
    samples = await scrape(node)
    assert value(samples, "penstock_external_tasks_open", topic="full") == 3
    assert value(samples, "penstock_external_tasks_open", topic="(others)") == 2
    assert value(samples, "penstock_external_tasks_locked", topic="(others)") == 2
    assert value(samples, "penstock_external_tasks_locked", topic="full") == 0


async def test_a_store_out_of_reach_leaves_what_the_node_knows(store: Store, clock: VirtualClock) -> None:
    class Gone:
        def __getattr__(self, name: str) -> object:
            async def fail(*_: object) -> None:
                raise StoreFailed("gone")

            return fail

    assert await Backlog(Gone(), clock).read() == ()  # type: ignore[arg-type]


async def test_the_backlog_is_not_read_more_often_than_is_cheap(
    store: Store, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "REFRESH_S", 3_600.0)
    measured = Backlog(store, clock)
    first, second = await asyncio.gather(measured.read(), measured.read())
    assert first is second


@pytest.mark.parametrize(("seen", "counts"), [(0.5, [1, 0, 0]), (1.0, [1, 0, 0]), (1.5, [0, 1, 0]), (9.0, [0, 0, 1])])
def test_a_value_counts_up_to_its_bound(seen: float, counts: list[int]) -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.observe(seen)
    assert (histogram.counts, histogram.total) == (counts, seen)
