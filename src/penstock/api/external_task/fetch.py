"""`POST /external-task/fetchAndLock`: work for workers, with long polling."""

from collections.abc import Sequence
from typing import Any

from penstock.api import live, problems, values
from penstock.api.dto import SPAN_MS_MAX
from penstock.api.external_task import dto, results
from penstock.api.http import Request, Response, json
from penstock.api.querying import VariableCondition, variable_term
from penstock.engine.state import Instance
from penstock.expr.values import TypedValue
from penstock.store.protocol import Fetch, Row, TopicFetch
from penstock.store.query import Query, Term, eq

RECHECK_MS = 1_000
"""How often a waiting fetch with `processVariables` looks for new candidates."""

_INSTANCE_VARIABLE = (("instance_id", "instance_id"), ("execution_id", "instance_id"))


async def fetch_and_lock(request: Request) -> Any:
    """Locks tasks and returns them with variables; with nothing there, waits up to `asyncResponseTimeout`."""
    body = request.body(dto.FetchAndLock)
    wait_ms = body.async_response_timeout
    most_ms = request.engine.settings.fetch_wait_max_ms
    if wait_ms is not None and wait_ms > most_ms:
        raise problems.invalid(
            400, f"The asynchronous response timeout cannot be set to a value greater than {most_ms} milliseconds"
        )
    topics, fetch = _checked(body)
    if not topics or fetch.max_tasks == 0:
        return []
    if wait_ms is None or wait_ms <= 0:
        rows = await _fetch(request, fetch, topics, None)
    else:
        found: Any = await request.unless_gone(_fetch(request, fetch, topics, wait_ms))
        if not isinstance(found, list):
            return found
        rows = found
    try:
        return await _answer(request, rows, topics)
    except BaseException:
        request.engine.give_back(rows)
        raise


async def _answer(request: Request, rows: Sequence[Row], topics: Sequence[dto.Topic]) -> Response:
    """The locked tasks. If the worker has left, they are given back."""
    by_topic = {topic.topic_name: topic for topic in topics}
    instances = await request.engine.instances([row["instance_id"] for row in rows])
    given = [(row, _variables(by_topic[row["topic"]], row, instances.get(row["instance_id"]))) for row in rows]
    body = [
        _locked(row, by_topic[row["topic"]], variables, instances.get(row["instance_id"])) for row, variables in given
    ]
    seen = results.changed(given)
    if seen:
        await request.engine.note_seen_results(seen)
    answer = json(body)
    answer.headers = results.HEADERS
    answer.unsent = lambda: request.engine.give_back(rows)
    return answer


def _checked(body: dto.FetchAndLock) -> tuple[Sequence[dto.Topic], Fetch]:
    """Camunda's order of refusals (`FetchExternalTasksCmd.validateInput`)."""
    created: str | None = None
    for item in body.sorting or ():
        if item.sort_by != "createTime":
            raise problems.invalid(400, f"Cannot set query sortBy parameter to value {item.sort_by}")
        if item.sort_order not in ("asc", "desc", None):
            raise problems.invalid(400, f"Cannot set query sortOrder parameter to value {item.sort_order}")
        created = item.sort_order or "desc"
    if body.worker_id is None:
        raise problems.null("workerId is null")
    most = body.max_tasks or 0
    if most < 0:
        raise problems.engine("maxResults is not greater than or equal to 0")
    topics = body.topics or []
    for topic in topics:
        if topic.topic_name is None:
            raise problems.null("topicName is null")
        if (topic.lock_duration or 0) <= 0:
            raise problems.engine("lockTime is not greater than 0")
    fetch = Fetch(
        worker=body.worker_id,
        max_tasks=most,
        topics=(),
        use_priority=bool(body.use_priority),
        created=created,
    )
    return topics, fetch


async def _fetch(request: Request, fetch: Fetch, topics: Sequence[dto.Topic], wait_ms: int | None) -> list[Row]:
    engine = request.engine
    if not any(topic.process_variables for topic in topics):
        asked = _with_topics(fetch, [_topic(topic, None) for topic in topics])
        return await engine.fetch_and_lock(asked, wait_ms=wait_ms)
    deadline_s = engine.clock.monotonic_s() + (wait_ms or 0) / 1000
    while True:
        found = [_topic(topic, await _candidates(request, topic)) for topic in topics]
        left_ms = round((deadline_s - engine.clock.monotonic_s()) * 1000)
        step_ms = min(left_ms, RECHECK_MS) if left_ms > 0 else None
        rows = await engine.fetch_and_lock(_with_topics(fetch, found), wait_ms=step_ms)
        if rows or step_ms is None:
            return rows


def _with_topics(fetch: Fetch, topics: Sequence[TopicFetch]) -> Fetch:
    return Fetch(
        worker=fetch.worker,
        max_tasks=fetch.max_tasks,
        topics=topics,
        use_priority=fetch.use_priority,
        created=fetch.created,
    )


def _topic(topic: dto.Topic, instances: Sequence[str] | None) -> TopicFetch:
    assert topic.topic_name is not None and topic.lock_duration is not None
    return TopicFetch(
        topic=topic.topic_name,
        lock_duration_ms=min(topic.lock_duration, SPAN_MS_MAX),
        business_key=topic.business_key,
        definition_id=topic.process_definition_id,
        definition_ids=topic.process_definition_id_in or (),
        definition_key=topic.process_definition_key,
        definition_keys=topic.process_definition_key_in or (),
        version_tag=topic.process_definition_version_tag,
        without_tenant=bool(topic.without_tenant_id),
        tenant_ids=topic.tenant_id_in or (),
        instance_ids=instances,
    )


async def _candidates(request: Request, topic: dto.Topic) -> list[str] | None:
    """Instances with tasks of the topic whose variables have the asked values; None: no variables are asked for."""
    if not topic.process_variables:
        return None
    terms: list[Term] = [eq("topic", topic.topic_name)]
    for name, value in topic.process_variables.items():
        condition = VariableCondition(name, "eq", values.read({"value": value}))
        terms.append(variable_term(condition, _INSTANCE_VARIABLE, refuse=problems.engine))
    rows = await request.engine.rows(Query("external_task", terms, columns=("instance_id",)))
    return list(dict.fromkeys(row["instance_id"] for row in rows))


def _variables(topic: dto.Topic, row: Row, instance: Instance | None) -> dict[str, TypedValue]:
    """The variables that the worker asked for."""
    wanted = topic.variables
    if instance is None or (wanted is not None and not wanted):
        return {}
    visible = (live.local if topic.local_variables else live.visible)(instance, row["execution_id"])
    if wanted is None:
        return visible
    return {name: visible[name] for name in wanted if name in visible}


def _locked(row: Row, topic: dto.Topic, variables: dict[str, TypedValue], instance: Instance | None) -> dict[str, Any]:
    properties: dict[str, str] = {}
    if topic.include_extension_properties:
        properties = {**_traceparent(row, instance), **(row["properties"] or {})}
    written = values.write_all(variables, deserialize=bool(topic.deserialize_values))
    return dto.locked(row, written, properties)


def _traceparent(row: Row, instance: Instance | None) -> dict[str, str]:
    """The span that a worker's own goes on from, where the node traces: the one place in Camunda's answer that every
    client hands through (the model's own property of that name wins)."""
    task = instance.external_tasks.get(row["id"]) if instance is not None else None
    return {"traceparent": task.trace} if task is not None and task.trace is not None else {}
