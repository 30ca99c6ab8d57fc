"""camunda-client 0.15.0: every call of its two clients and of its worker.

The package knows no variables of the type File: an instance that has one cannot be fetched with it, on any server. Files go
as Bytes here.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx
import order_steps
from camunda_client import CamundaEngineClient, ExternalTaskClient, ExternalTaskConfig, ExternalTaskWorker
from camunda_client import VariableValueSchema as Value
from camunda_client.clients.dto import AuthData
from camunda_client.clients.engine.dto import GetTaskVariableDTO, UpdateTaskVariableDTO
from camunda_client.clients.engine.schemas import body, query
from camunda_client.clients.engine.schemas.enums import (
    DelegationState,
    Operator,
    ProcessInstanceQuerySortEnum,
    SortByHistoricProcessInstance,
    SortByVariableInstance,
    SortOrder,
    State,
    TaskQuerySortEnum,
)
from camunda_client.clients.schemas import PaginationParams
from camunda_client.exceptions import CamundaClientError
from camunda_client.utils import deserialize
from camunda_client.worker import ExternalTaskContext, TopicConsumer
from pydantic import BaseModel
from runner import Rig, raises

AUTH = AuthData("demo", "demo")
WORKER = "camunda-client"
CONFIG = ExternalTaskConfig(async_response_timeout=timedelta(seconds=1), retry_timeout=timedelta(0))
USER = UUID("11111111-2222-3333-4444-555555555555")
PAGE = PaginationParams(limit=10, offset=0)
ALPHA, BETA = (uuid5(USER, name) for name in ("alpha", "beta"))


class Amount(BaseModel):
    """What a JSON variable is read as."""

    value: int
    currency: str


def _external(rig: Rig, worker: str = WORKER) -> ExternalTaskClient:
    return ExternalTaskClient(worker, rig.url, AUTH, httpx.AsyncHTTPTransport(), CONFIG)


def _engine(rig: Rig) -> CamundaEngineClient:
    return CamundaEngineClient(rig.url, AUTH, httpx.AsyncHTTPTransport())


def _call(work: Awaitable[Any]) -> Any:
    async def run() -> Any:
        return await asyncio.wait_for(work, 40)

    return asyncio.run(run())


def _error(call: Callable[[], Any]) -> tuple[int, dict[str, Any]]:
    error = raises(CamundaClientError, call)
    assert isinstance(error, CamundaClientError)
    return error.status_code, httpx.Response(200, content=error.response_data).json()


def check_order(rig: Rig) -> None:
    told: list[str] = []

    async def work_topic(topic: str, tasks: TopicConsumer) -> None:
        async for context in tasks:
            async with context as task:
                order = {name: value.value for name, value in task.variables.items()}
                told.append(await tell(context, topic, str(task.activity_id), order))

    async def tell(context: ExternalTaskContext, topic: str, activity: str, order: dict[str, Any]) -> str:
        try:
            data = order_steps.step(topic, order, base64.b64decode(order["instructions"]).decode())
        except order_steps.PaymentDeclined as declined:
            name, text = order_steps.kept(topic, activity, order, declined.data)
            await context.bpmn_error("PAYMENT_DECLINED", str(declined), {name: Value(value=text, type="Json")})
            return "declined"
        except order_steps.CarrierDown as down:
            await context.fail(str(down), retries=2, error_details="details")
            return "failed"
        name, text = order_steps.kept(topic, activity, order, data)
        variables = {name: Value(value=text, type="Json")}
        if topic == "ship-order":
            content = base64.b64encode(order_steps.label(data)).decode()
            variables["shippingLabel"] = Value(value=content, type="Bytes")
        await context.complete(variables)
        return topic

    async def work() -> None:
        worker = ExternalTaskWorker(_external(rig), timedelta(milliseconds=20))
        async with AsyncExitStack() as stack:
            topics = {topic: await stack.enter_async_context(worker.subscribe(topic)) for topic in order_steps.TOPICS}
            async with worker:
                working = [asyncio.create_task(work_topic(topic, tasks)) for topic, tasks in topics.items()]
                while len(told) < order_steps.OUTCOMES and not any(task.done() for task in working):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await asyncio.gather(*working)

    _call(work())
    assert (told.count("failed"), told.count("declined"), told.count("ship-order")) == (1, 1, 2), told


# -- external tasks


def check_fetch_and_lock(rig: Rig) -> None:
    instance, topic = rig.work(amount=12, details={"value": '{"a": [1]}', "type": "Json"})
    (task,) = _call(_external(rig).fetch_and_lock([topic], lock_timeout=timedelta(0)))
    assert (task.process_instance_id, task.worker_id, task.topic_name) == (instance, WORKER, topic)
    assert (task.activity_id, task.retries, task.priority, task.suspended) == ("Work", None, 7, False)
    assert task.process_definition_version_tag == f"1.2-{task.process_definition_key}"
    assert task.lock_expiration_time > datetime.fromtimestamp(0, UTC)
    assert {"amount": 12, "details": {"a": [1]}, "inside": "only here"}.items() <= task.parsed_variables.items()
    assert _call(_external(rig).fetch_and_lock([topic], lock_timeout=timedelta(0))) == []


def check_fetch_by_business_key(rig: Rig) -> None:
    key, topic = rig.deploy("work")["key"], rig.unique("topic")
    mine = rig.start(key, "mine", topic=topic)
    rig.start(key, "other", topic=topic)
    client = _external(rig)
    config_of_two = ExternalTaskConfig(max_tasks=2, async_response_timeout=timedelta(0))
    client._config = config_of_two
    (task,) = _call(client.fetch_and_lock([topic], business_key="mine"))
    assert (task.process_instance_id, task.business_key) == (mine, "mine")


def check_complete(rig: Rig) -> None:
    instance, topic = rig.work()

    async def calls() -> None:
        client = _external(rig)
        (task,) = await client.fetch_and_lock([topic])
        await client.complete(
            task.id,
            global_variables={"answer": deserialize(42), "list": deserialize([1, "ü"])},
            local_variables={"given": deserialize("local")},
        )

    _call(calls())
    assert rig.ended(instance) == "Done"
    assert [rig.variable(instance, name) for name in ("answer", "list", "taken")] == [42, '[1,"ü"]', "local"]


def check_complete_without_variables(rig: Rig) -> None:
    instance, topic = rig.work()

    async def calls() -> None:
        client = _external(rig)
        (task,) = await client.fetch_and_lock([topic])
        await client.complete(task.id)

    _call(calls())
    assert rig.ended(instance) == "Done"


def check_failure_incident_and_details(rig: Rig) -> None:
    instance, topic = rig.work()

    async def calls() -> Any:
        client = _external(rig)
        (task,) = await client.fetch_and_lock([topic])
        await client.failure(task.id, error_message="no luck", retries=0, error_details="at line 7")
        return task.id

    task_id = _call(calls())
    engine = _engine(rig)
    (incident,) = [
        found
        for found in _call(engine.get_incidents("failedExternalTask", pagination=PaginationParams(limit=99, offset=0)))
        if str(found.process_instance_id) == instance
    ]
    assert (incident.incident_message, incident.activity_id, incident.configuration) == ("no luck", "Work", task_id)
    external = _call(_engine(rig).get_external_task(task_id))
    assert (external.error_message, external.retries, external.variables) == ("no luck", 0, {})
    assert _call(_engine(rig).get_external_task_error_details(task_id)) == "at line 7"
    assert _call(_engine(rig).get_external_task("nope")) is None
    assert _call(_engine(rig).get_external_task_error_details("nope")) is None


def check_external_task_is_read_while_locked(rig: Rig) -> None:
    """Its reader wants `workerId` as text, so it reads locked tasks only, on any server."""
    _, topic = rig.work()
    (task,) = _call(_external(rig).fetch_and_lock([topic]))
    found = _call(_engine(rig).get_external_task(task.id))
    assert (found.id, found.worker_id, found.lock_expiration_time) == (task.id, WORKER, task.lock_expiration_time)
    assert _call(_engine(rig).get_external_task_error_details(task.id)) is None


def check_bpmn_error(rig: Rig) -> None:
    instance, topic = rig.work()

    async def calls() -> None:
        client = _external(rig)
        (task,) = await client.fetch_and_lock([topic])
        await client.bpmn_error(task.id, "REFUSED", "not today", {"why": deserialize("rain")})

    _call(calls())
    assert rig.ended(instance) == "Refused"
    assert [rig.variable(instance, name) for name in ("why", "reason")] == ["rain", "not today"]


def check_extend_lock_and_unlock(rig: Rig) -> None:
    _, topic = rig.work()

    async def calls() -> None:
        client = _external(rig)
        (task,) = await client.fetch_and_lock([topic])
        await client.extend_lock(task.id, new_duration=3_600_000)
        (extended,) = rig.get("/external-task", externalTaskId=task.id)
        until = datetime.strptime(extended["lockExpirationTime"], "%Y-%m-%dT%H:%M:%S.%f%z")
        assert until - task.lock_expiration_time > timedelta(minutes=50)
        await client.unlock(task.id)
        (unlocked,) = rig.get("/external-task", externalTaskId=task.id)
        assert (unlocked["workerId"], unlocked["lockExpirationTime"]) == (None, None)

    _call(calls())


def check_wrong_worker(rig: Rig) -> None:
    _, topic = rig.work()
    (task,) = _call(_external(rig).fetch_and_lock([topic]))
    status, problem = _error(lambda: _call(_external(rig, "other").extend_lock(task.id, new_duration=1000)))
    assert (status, problem["type"]) == (400, "RestException")


def check_worker_reports_exceptions(rig: Rig) -> None:
    instance, topic = rig.work()

    async def work() -> None:
        worker = ExternalTaskWorker(_external(rig), timedelta(milliseconds=20))
        async with worker.subscribe(topic) as tasks, worker:
            async for context in tasks:
                try:
                    async with context as task:
                        raise ValueError(task.id)
                except ValueError:
                    break

    _call(work())
    (task,) = rig.get("/external-task", processInstanceId=instance)
    assert task["errorMessage"] == "ValueError"


# -- process instances


def check_start_process(rig: Rig) -> None:
    definition = rig.deploy("approve")
    variables = {
        "flag": deserialize(True),
        "number": deserialize(7),
        "ratio": deserialize(0.5),
        "text": deserialize("t"),
        "nothing": deserialize(None),
        "when": deserialize(datetime(2024, 2, 29, 12, tzinfo=UTC)),
        "tree": deserialize({"a": [1]}),
    }
    started = _call(_engine(rig).start_process(definition["key"], "bk", variables))
    assert (started.definition_id, started.business_key, started.suspended) == (definition["id"], "bk", False)
    assert started.links[0].rel == "self" and str(started.id) in started.links[0].href
    seen = rig.get(f"/process-instance/{started.id}/variables", deserializeValues="false")
    expected = {
        "flag": ("Boolean", True),
        "number": ("Integer", 7),
        "ratio": ("Double", 0.5),
        "text": ("String", "t"),
        "nothing": ("Null", None),
        "when": ("Date", "2024-02-29T12:00:00.000+0000"),
        "tree": ("Json", '{"a":[1]}'),
    }
    assert {name: (value["type"], value["value"]) for name, value in seen.items()} == expected


def check_start_process_of_a_tenant(rig: Rig) -> None:
    key, tenant = rig.unique("approve"), rig.unique("tenant")
    rig.deploy("approve", key, tenant)
    assert _call(_engine(rig).start_process(key, tenant_id=tenant)).tenant_id == tenant
    status, problem = _error(lambda: _call(_engine(rig).start_process(key)))
    assert (status, problem["type"]) == (404, "RestException")
    assert "and no tenant-id" in problem["message"]


def check_process_instances(rig: Rig) -> None:
    key = rig.deploy("approve")["key"]
    first, _ = rig.start(key, "a"), rig.start(key, "b")
    params = query.ProcessInstanceQuerySchema(process_definition_key=key, business_key="a", active=True)
    (found,) = _call(_engine(rig).get_process_instances(params))
    assert (str(found.id), found.business_key, found.links) == (first, "a", [])
    both = query.ProcessInstanceQuerySchema(process_definition_key_in=[key])
    assert len(_call(_engine(rig).get_process_instances(both))) == 2


def check_delete_process(rig: Rig) -> None:
    instance, _ = rig.task()
    _call(_engine(rig).delete_process(instance))
    assert rig.get(f"/history/process-instance/{instance}")["state"] == "EXTERNALLY_TERMINATED"
    status, problem = _error(lambda: _call(_engine(rig).delete_process(instance)))
    assert (status, problem["type"]) == (404, "InvalidRequestException")


def check_update_variable_instances(rig: Rig) -> None:
    instance, _ = rig.task(old=1, kept=2)
    schema = body.UpdateProcessVariablesSchema(modifications={"new": deserialize("x")}, deletions=["old"])
    _call(_engine(rig).update_variable_instances(process_instance_id=UUID(instance), schema=schema))
    assert sorted(rig.get(f"/process-instance/{instance}/variables")) == ["kept", "new"]


# -- tasks


def check_tasks(rig: Rig) -> None:
    instance, task_id = rig.task(amount=5)
    schema = body.GetTasksFilterSchema(
        process_instance_id=UUID(instance),
        process_variables=[query.VariableParameterSchema(name="amount", operator=Operator.GTEQ, value=5)],
        due_after=datetime(2029, 1, 1, tzinfo=UTC),
        unassigned=True,
    )
    (task,) = _call(_engine(rig).get_tasks(schema, PAGE))
    assert (str(task.id), task.task_definition_key, task.priority) == (task_id, "Approve", 60)
    assert str(task.execution_id) and str(task.process_instance_id) == instance
    assert (task.due.year, task.delegation_state, task.suspended) == (2030, None, False)
    assert _call(_engine(rig).get_tasks_count(schema)).count == 1
    other = body.GetTasksFilterSchema(process_instance_id=UUID(instance), or_queries=[{"assigned": True}])
    assert _call(_engine(rig).get_tasks_count(other)).count == 0


def check_tasks_of_all_instances(rig: Rig) -> None:
    _, task_id = rig.task()
    everything = _call(_engine(rig).get_tasks(pagination=PaginationParams(limit=1000, offset=0)))
    assert task_id in {str(task.id) for task in everything}


def check_update_task(rig: Rig) -> None:
    _, task_id = rig.task()
    task = _call(_engine(rig).get_task(UUID(task_id)))
    changed = task.model_copy(
        update={
            "name": "Another",
            "description": "why",
            "assignee": str(USER),
            "due": datetime(2031, 5, 6, tzinfo=UTC),
            "delegation_state": DelegationState.PENDING,
            "priority": 5,
        }
    )
    _call(_engine(rig).update_task(UUID(task_id), schema=changed))
    seen = _call(_engine(rig).get_task(UUID(task_id)))
    assert (seen.name, seen.description, seen.assignee_uuid, seen.priority) == ("Another", "why", USER, 5)
    assert (seen.due, seen.delegation_state) == (datetime(2031, 5, 6, tzinfo=UTC), DelegationState.PENDING)
    assert _call(_engine(rig).get_task(ALPHA)) is None


def check_claim_unclaim_assign(rig: Rig) -> None:
    _, task_id = rig.task()
    task = UUID(task_id)
    _call(_engine(rig).claim_task(task, ALPHA))
    assert _call(_engine(rig).get_task(task)).assignee_uuid == ALPHA
    status, problem = _error(lambda: _call(_engine(rig).claim_task(task, BETA)))
    assert (status, problem["type"]) == (500, "TaskAlreadyClaimedException")
    _call(_engine(rig).unclaim_task(task))
    assert _call(_engine(rig).get_task(task)).assignee is None
    _call(_engine(rig).set_assignee_task(task, BETA))
    assert _call(_engine(rig).get_task(task)).assignee_uuid == BETA


def check_submit_task_form(rig: Rig) -> None:
    instance, task_id = rig.task()
    _call(_engine(rig).submit_task_form(UUID(task_id), {"approved": deserialize(True)}))
    assert rig.ended(instance) == "Done"
    assert rig.variable(instance, "approved") is True


def check_task_variables(rig: Rig) -> None:
    instance, task_id = rig.task(amount={"value": '{"value": 5, "currency": "CHF"}', "type": "Json"})
    task, engine = UUID(task_id), _engine
    raw = GetTaskVariableDTO(task, "amount", deserialize_value=False)
    assert _call(engine(rig).get_task_variable(raw)).value == '{"value": 5, "currency": "CHF"}'
    typed = _call(engine(rig).get_typed_task_variable(raw, Amount))
    assert (typed.value.value, typed.value.currency) == (5, "CHF")
    _call(engine(rig).update_task_variable(UpdateTaskVariableDTO(task, "own", deserialize(1), is_local_variable=True)))
    assert _call(engine(rig).get_task_variable(GetTaskVariableDTO(task, "own", is_local_variable=True))).value == 1
    _call(engine(rig).update_task_variable(UpdateTaskVariableDTO(task, "shared", deserialize("x"))))
    assert sorted(rig.get(f"/process-instance/{instance}/variables")) == ["amount", "shared"]
    missing = GetTaskVariableDTO(task, "shared", is_local_variable=True)
    assert _call(engine(rig).get_task_variable(missing)) is None


def check_identity_links(rig: Rig) -> None:
    _, task_id = rig.task()
    _call(_engine(rig).set_assignee_task(UUID(task_id), USER))
    links = _call(_engine(rig).get_identity_links(UUID(task_id)))
    assert {(link.type, link.user_id) for link in links} == {("assignee", USER), ("candidate", None)}


# -- history


def check_history_tasks(rig: Rig) -> None:
    instance, task_id = rig.task()
    _call(_engine(rig).submit_task_form(UUID(task_id)))
    schema = body.GetHistoryTasksFilterSchema(
        process_instance_id=UUID(instance),
        finished=True,
        sorting=[body.SortSchema(sort_by=TaskQuerySortEnum.END_TIME, sort_order=SortOrder.DESC)],
    )
    (task,) = _call(_engine(rig).get_history_tasks(schema, PAGE))
    assert (str(task.id), task.task_definition_key, task.delete_reason) == (task_id, "Approve", "completed")
    assert task.start_time <= task.end_time and str(task.root_process_instance_id) == instance
    none = body.GetHistoryTasksFilterSchema(process_instance_id=UUID(instance), unfinished=True)
    assert _call(_engine(rig).get_history_tasks(none)) == []


def check_history_process_instances(rig: Rig) -> None:
    instance, _ = rig.task(country="CH")
    key = _call(_engine(rig).get_history_process_instance(UUID(instance))).process_definition_key
    schema = body.HistoricProcessInstanceFilterSchema(
        process_definition_key=key,
        unfinished=True,
        variables=[query.VariableParameterSchema(name="country", operator=Operator.EQ, value="CH")],
        sorting=[
            query.SortingHistoricProcessInstanceSchema(
                sortBy=SortByHistoricProcessInstance.START_TIME, sortOrder=SortOrder.ASC
            )
        ],
    )
    (found,) = _call(_engine(rig).get_history_process_instances(schema, PAGE))
    assert (str(found.id), found.state, found.end_time) == (instance, State.ACTIVE, None)
    assert (found.start_activity_id, found.process_definition_version) == ("Begin", 1)
    assert _call(_engine(rig).get_history_process_instance(ALPHA)) is None


def check_variable_instances(rig: Rig) -> None:
    instance, _ = rig.task(one=1, two="2")
    params = query.VariableInstanceFilterParamsSchema(
        process_instance_id_in=[UUID(instance)],
        sort_by=SortByVariableInstance.VARIABLE_NAME,
        sort_order=SortOrder.DESC,
        deserialize_values=False,
    )
    found = _call(_engine(rig).get_variable_instances(params, PAGE))
    assert [(variable.name, variable.value) for variable in found] == [("two", "2"), ("one", 1)]
    (one,) = _call(_engine(rig).get_variable_instances(params, variable_name_in=["one"]))
    assert (one.type, str(one.process_instance_id), one.execution_id) == ("Integer", instance, instance)


def check_variable_instances_post(rig: Rig) -> None:
    instance, _ = rig.task(one=1, two="2")
    schema = body.VariableInstanceFilterSchema(
        process_instance_id_in=[UUID(instance)],
        variable_values=[query.VariableParameterSchema(name="one", operator=Operator.LT, value=2)],
        sorting=[
            body.VariableInstanceQuerySortItemSchema(sort_by=SortByVariableInstance.VARIABLE_NAME, sort_order="asc")
        ],
    )
    (one,) = _call(_engine(rig).get_variable_instances_post(schema, PAGE))
    assert (one.name, one.value) == ("one", 1)


def check_history_variable_instances(rig: Rig) -> None:
    instance, _ = rig.task(one=1, two="2")
    params = query.HistoryVariableInstanceFilterParamsSchema(
        process_instance_id=UUID(instance), variable_name_in=["one"], deserialize_values=False
    )
    (one,) = _call(_engine(rig).get_history_variable_instances(params, PAGE))
    assert (one.name, one.value, one.error_message) == ("one", 1, None)
    schema = body.HistoryVariableInstanceFilterSchema(process_instance_id_in=[UUID(instance)], variable_name_like="t%")
    (two,) = _call(_engine(rig).get_history_variable_instances_post(schema, PAGE))
    assert (two.name, two.value) == ("two", "2")


# -- messages


def check_send_correlation_message(rig: Rig) -> None:
    key = rig.deploy("events")["key"]
    begin = body.SendCorrelationMessageSchema(
        message_name=f"begin-{key}",
        business_key="bk",
        process_variables={"amount": deserialize(5)},
        result_enabled=True,
        variables_in_result_enabled=True,
    )
    (result,) = _call(_engine(rig).send_correlation_message(begin))
    instance = result["processInstance"]["id"]
    assert (result["resultType"], result["variables"]["amount"]["value"]) == ("ProcessDefinition", 5)
    onwards = body.SendCorrelationMessageSchema(
        message_name=f"continue-{key}",
        process_instance_id=UUID(instance),
        correlation_keys={"amount": deserialize(5)},
        process_variables_local={"mine": deserialize(1)},
    )
    assert _call(_engine(rig).send_correlation_message(onwards)) is None
    status, problem = _error(lambda: _call(_engine(rig).send_correlation_message(onwards)))
    assert (status, problem["type"]) == (400, "RestException")
    assert problem["message"].startswith("org.camunda.bpm.engine.MismatchingMessageCorrelationException: "), problem


def check_sorting_of_process_instances_is_ignored_in_a_get(rig: Rig) -> None:
    key = rig.deploy("approve")["key"]
    rig.start(key)
    item = query.ProcessInstanceQuerySortItemSchema(
        sort_by=ProcessInstanceQuerySortEnum.BUSINESS_KEY, sort_order=SortOrder.ASC
    )
    params = query.ProcessInstanceQuerySchema(process_definition_key=key, sorting=[item])
    assert len(_call(_engine(rig).get_process_instances(params))) == 1
