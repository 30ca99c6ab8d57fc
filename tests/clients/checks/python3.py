"""camunda-external-task-client-python3 4.5.0: every call it has, sync and async."""

import asyncio
import base64
from typing import Any

import order_steps
from camunda.client.async_external_task_client import AsyncExternalTaskClient
from camunda.client.engine_client import EngineClient
from camunda.client.external_task_client import ExternalTaskClient
from camunda.external_task.async_external_task_worker import AsyncExternalTaskWorker
from camunda.external_task.external_task import ExternalTask, TaskResult
from camunda.external_task.external_task_worker import ExternalTaskWorker, NoExternalTaskFound
from camunda.process_definition.process_definition_client import ProcessDefinitionClient
from runner import Rig, raises

QUICK = {"maxTasks": 1, "asyncResponseTimeout": 2000, "lockDuration": 20000, "retryTimeout": 0, "sleepSeconds": 0}
HELLO = base64.b64encode(b"hello").decode()


def json_value(text: str) -> dict[str, Any]:
    """A Json variable."""
    return {"value": text, "type": "Json"}


def file_value(name: str, content: bytes) -> dict[str, Any]:
    """A File variable."""
    info = {"filename": name, "mimetype": "text/plain", "encoding": "UTF-8"}
    return {"value": base64.b64encode(content).decode(), "type": "File", "valueInfo": info}


def check_order(rig: Rig) -> None:
    engine = EngineClient(rig.url)
    told: list[TaskResult] = []

    async def action(task: ExternalTask) -> TaskResult:
        try:
            told.append(await outcome(task))
        except Exception as error:
            told.append(task.failure(repr(error), "", max_retries=0, retry_timeout=0))
        return told[-1]

    async def outcome(task: ExternalTask) -> TaskResult:
        topic, order = task.get_topic_name(), task.get_variables()
        encoded = await asyncio.to_thread(
            engine.get_process_instance_variable, task.get_process_instance_id(), "instructions"
        )
        try:
            data = order_steps.step(topic, order, base64.b64decode(encoded).decode())
        except order_steps.PaymentDeclined as declined:
            name, text = order_steps.kept(topic, task.get_activity_id(), order, declined.data)
            return task.bpmn_error("PAYMENT_DECLINED", str(declined), {name: json_value(text)})
        except order_steps.CarrierDown as down:
            return task.failure(str(down), "details", max_retries=3, retry_timeout=0)
        name, text = order_steps.kept(topic, task.get_activity_id(), order, data)
        variables = {name: json_value(text)}
        if topic == "ship-order":
            variables["shippingLabel"] = file_value("label.txt", order_steps.label(data))
        return task.complete(variables)

    async def work() -> None:
        # With the client's default a Json variable comes as Camunda's view of a Java object, as it does there.
        worker = AsyncExternalTaskWorker("python3", rig.url, {**QUICK, "deserializeValues": False})
        working = asyncio.create_task(worker.subscribe(dict.fromkeys(order_steps.TOPICS, action)))
        while len(told) < order_steps.OUTCOMES or worker.running_tasks:  # noqa: ASYNC110 - the client has no event to wait for
            await asyncio.sleep(0.02)
        await worker.stop()
        await asyncio.gather(working, return_exceptions=True)

    asyncio.run(asyncio.wait_for(work(), 40))
    failures = [str(result) for result in told if result.is_failure()]
    assert len(failures) == 1 and "carrier slowpost does not answer" in failures[0], failures


def check_complete(rig: Rig) -> None:
    instance, topic = rig.work(amount=12, note="with ümlaut")
    worker = ExternalTaskWorker("python3", rig.url, QUICK)
    seen: list[ExternalTask] = []

    def action(task: ExternalTask) -> TaskResult:
        seen.append(task)
        return task.complete({"answer": 42, "list": json_value("[1]")}, {"given": "local"})

    worker.fetch_and_execute(topic, action)
    (task,) = seen
    assert task.get_variable("amount", with_meta=True) == {"type": "Integer", "value": 12, "valueInfo": {}}
    assert task.get_variables()["note"] == "with ümlaut"
    assert task.get_variable("inside") == "only here"
    assert task.get_extension_properties() == {"unit": "kg"}
    assert (task.get_activity_id(), task.get_worker_id(), task.get_tenant_id()) == ("Work", "python3", None)
    assert rig.ended(instance) == "Done"
    assert [rig.variable(instance, name) for name in ("answer", "list", "taken")] == [42, "[1]", "local"]


def check_variables_are_filtered(rig: Rig) -> None:
    instance, topic = rig.work(amount=12, country="CH")
    worker = ExternalTaskWorker("python3", rig.url, {**QUICK, "asyncResponseTimeout": 0})
    raises(NoExternalTaskFound, lambda: worker.fetch_and_execute(topic, None, process_variables={"country": "AT"}))
    seen: list[dict[str, Any]] = []

    def action(task: ExternalTask) -> TaskResult:
        seen.append(task.get_variables())
        return task.complete()

    worker.fetch_and_execute([topic, "another"], action, process_variables={"country": "CH"}, variables=["amount"])
    assert seen == [{"amount": 12}]
    assert rig.ended(instance) == "Done"


def check_deserialized_values(rig: Rig) -> None:
    info = {"objectTypeName": "java.util.ArrayList", "serializationDataFormat": "application/json"}
    _, topic = rig.work(numbers={"value": "[1, 2]", "type": "Object", "valueInfo": info})
    (task,) = ExternalTaskClient("python3", rig.url, QUICK).fetch_and_lock(topic, variables=["numbers"])
    assert task["variables"]["numbers"]["value"] == [1, 2]


def check_long_poll_without_work(rig: Rig) -> None:
    client = ExternalTaskClient("python3", rig.url, {**QUICK, "asyncResponseTimeout": 300})
    assert client.fetch_and_lock(rig.unique("topic")) == []


def check_failure_and_retries(rig: Rig) -> None:
    instance, topic = rig.work()
    worker = ExternalTaskWorker("python3", rig.url, QUICK)
    fails = lambda task: task.failure("no luck", "at line 7", max_retries=2, retry_timeout=0)  # noqa: E731
    worker.fetch_and_execute(topic, fails)
    (task,) = rig.get("/external-task", processInstanceId=instance)
    assert (task["retries"], task["errorMessage"]) == (2, "no luck")
    worker.fetch_and_execute(topic, fails)
    worker.fetch_and_execute(topic, fails)
    (incident,) = rig.get("/incident", processInstanceId=instance)
    assert (incident["incidentType"], incident["incidentMessage"]) == ("failedExternalTask", "no luck")
    assert rig.get("/external-task", processInstanceId=instance)[0]["retries"] == 0


def check_bpmn_error(rig: Rig) -> None:
    instance, topic = rig.work()
    worker = ExternalTaskWorker("python3", rig.url, QUICK)
    worker.fetch_and_execute(topic, lambda task: task.bpmn_error("REFUSED", "not today", {"why": "rain"}))
    assert rig.ended(instance) == "Refused"
    assert [rig.variable(instance, name) for name in ("why", "reason")] == ["rain", "not today"]


def check_wrong_worker(rig: Rig) -> None:
    _, topic = rig.work()
    (task,) = ExternalTaskClient("python3", rig.url, QUICK).fetch_and_lock(topic)
    other = ExternalTaskClient("other", rig.url, QUICK)
    error = raises(Exception, lambda: other.complete(task["id"], {}))
    assert str(error).startswith("received 400 : RestException : "), error
    assert "cannot be completed by worker 'other'" in str(error), error


def check_unknown_task(rig: Rig) -> None:
    client = ExternalTaskClient("python3", rig.url, QUICK)
    error = raises(Exception, lambda: client.failure("nope", "message", None, 1, 0))
    assert str(error).startswith("received 404 : RestException : "), error


def check_async_client(rig: Rig) -> None:
    async def calls() -> None:
        client = AsyncExternalTaskClient("python3", rig.url, QUICK)
        (first,) = await client.fetch_and_lock([topics[0]])
        assert await client.complete(first["id"], {"answer": 1}, {"given": "local"})
        (second,) = await client.fetch_and_lock([topics[1]])
        assert await client.bpmn_failure(second["id"], "REFUSED", "no", {"why": "x"})
        (third,) = await client.fetch_and_lock([topics[2]])
        assert await client.failure(third["id"], "no luck", "details", 1, 0)

    instances, topics = zip(*(rig.work() for _ in range(3)), strict=True)
    asyncio.run(calls())
    assert [rig.ended(instance) for instance in instances] == ["Done", "Refused", None]


def check_credentials_are_sent_and_do_not_matter(rig: Rig) -> None:
    _, topic = rig.work()
    basic = {**QUICK, "auth_basic": {"username": "demo", "password": "demo"}}
    (task,) = ExternalTaskClient("python3", rig.url, basic).fetch_and_lock(topic)
    bearer = {**QUICK, "auth_bearer": {"access_token": "token"}}
    assert ExternalTaskClient("python3", rig.url, bearer).complete(task["id"], {})


def check_start_by_key(rig: Rig) -> None:
    key = rig.deploy("approve")["key"]
    started = EngineClient(rig.url).start_process(key, {"amount": 5, "note": None}, business_key="bk")
    assert (started["businessKey"], started["suspended"], started["ended"]) == ("bk", False, False)
    assert rig.variable(started["id"], "amount") == 5
    error = raises(Exception, lambda: EngineClient(rig.url).start_process("nope", {}))
    assert str(error).startswith("received 404 : RestException : No matching process definition with key: nope"), error


def check_start_by_key_of_a_tenant(rig: Rig) -> None:
    key, tenant = rig.unique("approve"), rig.unique("tenant")
    rig.deploy("approve", key, tenant)
    started = EngineClient(rig.url).start_process(key, {}, tenant_id=tenant)
    assert started["tenantId"] == tenant
    raises(Exception, lambda: EngineClient(rig.url).start_process(key, {}))


def check_start_by_version_tag(rig: Rig) -> None:
    key = rig.unique("approve")
    rig.deploy("approve", key)
    client = ProcessDefinitionClient(rig.url)
    (definition,) = client.get_process_definitions(key, "1.2", [])
    assert (definition["key"], definition["versionTag"], definition["version"]) == (key, f"1.2-{key}", 1)
    started = client.start_process_by_version(key, "1.2", {"amount": 1}, business_key="bk")
    assert (started["definitionId"], started["businessKey"]) == (definition["id"], "bk")
    assert client.get_process_definitions(key, "9", []) == []


def check_process_instances(rig: Rig) -> None:
    key = rig.deploy("approve")["key"]
    mine, other = rig.start(key, country="CH", rank="7"), rig.start(key, country="AT", rank="7")
    client = EngineClient(rig.url)
    found = client.get_process_instance(key, ["country_eq_CH", "rank_eq_7"])
    assert [instance["id"] for instance in found] == [mine]
    assert {instance["id"] for instance in client.get_process_instance(key)} == {mine, other}
    assert client.get_process_instance(key, tenant_ids=["nobody"]) == []


def check_correlate_message(rig: Rig) -> None:
    key = rig.deploy("events")["key"]
    client = EngineClient(rig.url)
    (started,) = client.correlate_message(f"begin-{key}", business_key="bk", process_variables={"amount": 5})
    assert started["resultType"] == "ProcessDefinition"
    instance = started["processInstance"]["id"]
    (continued,) = client.correlate_message(f"continue-{key}", process_instance_id=instance)
    assert (continued["resultType"], continued["execution"]["processInstanceId"]) == ("Execution", instance)
    error = raises(Exception, lambda: client.correlate_message(f"continue-{key}"))
    assert str(error).startswith("received 400 : RestException : "), error
    assert "Cannot correlate message" in str(error), error


def check_jobs_and_their_retries(rig: Rig) -> None:
    instance = rig.start(rig.deploy("failing")["key"], number=1)
    client = EngineClient(rig.url)
    failed = lambda: client.get_jobs(0, 10, with_failure=True, process_instance_id=instance, task_name="Divide")  # noqa: E731
    (job,) = rig.wait(lambda: [job for job in failed() if job["retries"] == 0], "a job without retries")
    assert "divisor" in job["exceptionMessage"]
    assert client.get_jobs(1, 10, process_instance_id=instance) == []
    assert client.get_jobs(0, 10, process_instance_id=instance, tenant_ids=["nobody"]) == []
    rig.post(f"/process-instance/{instance}/variables", {"modifications": {"divisor": {"value": 4}}})
    assert client.set_job_retry(job["id"], 1) is True
    rig.wait(lambda: rig.ended(instance), "the job's success")
    assert rig.variable(instance, "quotient") == 0.25


def check_variable_with_its_content(rig: Rig) -> None:
    instance, _ = rig.work(file=file_value("a.txt", b"hello"))
    client = EngineClient(rig.url)
    assert client.get_process_instance_variable(instance, "file").strip() == HELLO
    with_meta = client.get_process_instance_variable(instance, "file", with_meta=True)
    assert (with_meta["type"], with_meta["value"].strip()) == ("File", HELLO)
    assert with_meta["valueInfo"]["filename"] == "a.txt"
    error = raises(Exception, lambda: client.get_process_instance_variable(instance, "nope"))
    assert str(error).startswith("received 404 : InvalidRequestException : "), error
