"""Results that only grow: many branches append at the same moment, through the SDK and through stock clients."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from worker_models import then_wait

from penstock.worker import AsyncClient, Client, ExternalTask, TaskResult, Worker
from support.processes import JS_CLIENT, Running, Server, wait_until

BRANCHES = 100
EMPTY = {"correlationId": "o-1", "processMetadata": {"source": "web"}, "taskResults": []}


def _at_join(server: Server, instance: str) -> bool:
    return bool(server.get("/task/count", processInstanceId=instance)["count"])


def _document(server: Server, instance: str) -> Any:
    found = server.get(f"/process-instance/{instance}/variables/ProcessTaskResults", deserializeValue="false")
    assert found["type"] == "Json"
    return json.loads(found["value"])


async def _until_join(server: Server, instance: str) -> None:
    await asyncio.to_thread(wait_until, lambda: (_at_join(server, instance), None), "the join", 90)


@pytest.mark.parametrize("begun", [False, True], ids=["no document yet", "a document from the start"])
async def test_a_hundred_branches_with_the_sdk(
    server: Server, base_url: str, aclient: AsyncClient, begun: bool
) -> None:
    await aclient.deploy("sdk", resources={"sdk.bpmn": then_wait("sdk", "sdk-append", BRANCHES)})
    instance = (await aclient.start("sdk", {"ProcessTaskResults": EMPTY} if begun else {}, business_key="o-1")).id
    worker = Worker(base_url, concurrency=BRANCHES)
    together = asyncio.Barrier(BRANCHES)

    @worker.task("sdk-append")
    async def append(task: ExternalTask) -> TaskResult:
        await together.wait()
        return TaskResult(data={"branch": task.variables["loopCounter"]})

    async with worker:
        await _until_join(server, instance)
    document = _document(server, instance)
    assert document["correlationId"] == "o-1"
    metadata = document["processMetadata"]
    assert metadata == EMPTY["processMetadata"] if begun else metadata["processInstanceId"] == instance
    assert sorted(entry["data"]["branch"] for entry in document["taskResults"]) == list(range(BRANCHES))
    assert all(set(entry) == {"data", "startTime", "endTime", "taskId"} for entry in document["taskResults"])
    assert len((await aclient.results(instance)).of("Work")) == BRANCHES


@pytest.mark.parametrize("begun", [False, True], ids=["no document yet", "a document from the start"])
def test_a_hundred_branches_with_the_stock_javascript_client(
    server: Server, base_url: str, client: Client, node: str, folder: Path, tmp_path: Path, begun: bool
) -> None:
    """Every one of them writes a list with one entry, and all the entries are alike."""
    client.deploy("js", resources={"js.bpmn": then_wait("js", "js-append", BRANCHES)})
    instance = client.start("js", {"ProcessTaskResults": EMPTY} if begun else {}, business_key="o-1").id
    library = Path(__file__).resolve().parents[2] / JS_CLIENT / "index.js"
    command = [node, str(folder / "append.mjs"), str(library), base_url, "js-append", str(BRANCHES)]
    with Running(command, tmp_path / "js.log") as worker:
        wait_until(lambda: (_at_join(server, instance), None), "the join", 90)
        worker.stop()
    assert len(_document(server, instance)["taskResults"]) == BRANCHES


async def test_where_nobody_appends_each_task_writes_its_own_variable(
    server: Server, base_url: str, aclient: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As against a Camunda 7, which knows nothing of appending."""
    monkeypatch.setattr("penstock.worker.intake.APPENDS", (b"penstock-results", b"never"))
    await aclient.deploy("c7", resources={"c7.bpmn": then_wait("c7", "c7-append", 20)})
    instance = (await aclient.start("c7", {"ProcessTaskResults": EMPTY}, business_key="o-1")).id
    worker = Worker(base_url, concurrency=20, long_poll_ms=500)
    together = asyncio.Barrier(20)
    seen: list[int] = []

    @worker.task("c7-append", variables=["loopCounter"])
    async def append(task: ExternalTask) -> TaskResult:
        await together.wait()
        seen.append(len((await task.results()).task_results))
        return TaskResult(data={"branch": task.variables["loopCounter"]})

    async with worker:
        await _until_join(server, instance)
    assert _document(server, instance) == EMPTY
    results = await aclient.results(instance)
    assert results.correlation_id == "o-1"
    assert sorted(result.data["branch"] for result in results.task_results) == list(range(20))
    assert min(seen) >= 0


def _fetch(server: Server, topic: str, worker: str = "w", **more: Any) -> list[Any]:
    body = {"workerId": worker, "maxTasks": 10, "topics": [{"topicName": topic, "lockDuration": 60_000, **more}]}
    found: list[Any] = server.post("/external-task/fetchAndLock", body)
    return found


def _entry(number: int) -> dict[str, Any]:
    return {"data": {"n": number, "ratio": 1.0}, "startTime": "s", "endTime": "e", "taskId": "Work"}


def _json(document: Any) -> dict[str, Any]:
    return {"ProcessTaskResults": {"type": "json", "value": json.dumps(document)}}


def _complete(server: Server, task: Any, document: Any, worker: str = "w") -> Any:
    body = {"workerId": worker, "variables": _json(document)}
    return server.rest.post(f"/external-task/{task['id']}/complete", json=body)


@pytest.fixture
def branches(server: Server, client: Client) -> tuple[str, list[Any]]:
    """An instance with three branches that were fetched when one entry was there."""
    client.deploy("three", resources={"three.bpmn": then_wait("three", "three", 3)})
    begun = {**EMPTY, "taskResults": [_entry(0)]}
    instance = client.start("three", {"ProcessTaskResults": begun}).id
    tasks = [task for task in _fetch(server, "three") if task["processInstanceId"] == instance]
    assert len(tasks) == 3
    return instance, tasks


def _numbers(server: Server, instance: str) -> list[int]:
    return [entry["data"]["n"] for entry in _document(server, instance)["taskResults"]]


def test_a_stale_write_is_merged(server: Server, branches: tuple[str, list[Any]]) -> None:
    instance, tasks = branches
    for number, task in enumerate(tasks, 1):
        assert _complete(server, task, {**EMPTY, "taskResults": [_entry(0), _entry(number)]}).status_code == 204
    assert _numbers(server, instance) == [0, 1, 2, 3]


def test_two_entries_that_are_alike_are_two(server: Server, branches: tuple[str, list[Any]]) -> None:
    instance, tasks = branches
    for task in tasks:
        assert _complete(server, task, {**EMPTY, "taskResults": [_entry(0), _entry(7)]}).status_code == 204
    assert _numbers(server, instance) == [0, 7, 7, 7]


def test_a_stale_write_that_contradicts_is_reported(server: Server, branches: tuple[str, list[Any]]) -> None:
    instance, tasks = branches
    assert _complete(server, tasks[0], {**EMPTY, "taskResults": [_entry(0), _entry(1)]}).status_code == 204
    for document in (
        {**EMPTY, "taskResults": [_entry(5), _entry(2)]},
        {**EMPTY, "taskResults": []},
        {**EMPTY, "correlationId": "another", "taskResults": [_entry(0), _entry(2)]},
        {**EMPTY, "processMetadata": {"source": "phone"}, "taskResults": [_entry(0), _entry(2)]},
    ):
        answer = _complete(server, tasks[1], document)
        assert (answer.status_code, answer.json()["type"], answer.json()["code"]) == (
            500,
            "OptimisticLockingException",
            1,
        )
        assert "ProcessTaskResults" in answer.json()["message"]
    assert _numbers(server, instance) == [0, 1]
    # Fetched again, it is not stale any more, and may say what it likes.
    server.post(f"/external-task/{tasks[1]['id']}/unlock", None)
    (task,) = (task for task in _fetch(server, "three") if task["id"] == tasks[1]["id"])
    assert _complete(server, task, {**EMPTY, "taskResults": [_entry(9)]}).status_code == 204
    assert _numbers(server, instance) == [9]


def test_failures_and_errors_merge_too(server: Server, branches: tuple[str, list[Any]]) -> None:
    instance, tasks = branches
    for number, (task, what) in enumerate(zip(tasks, ("failure", "failure", "complete"), strict=True), 1):
        body = {
            "workerId": "w",
            "retries": 1,
            "variables": _json({**EMPTY, "taskResults": [_entry(0), _entry(number)]}),
        }
        assert server.rest.post(f"/external-task/{task['id']}/{what}", json=body).status_code == 204
    assert _numbers(server, instance) == [0, 1, 2, 3]


def test_a_worker_that_reads_the_document_by_itself(server: Server, branches: tuple[str, list[Any]]) -> None:
    instance, tasks = branches
    for number, task in enumerate(tasks, 1):
        now = _document(server, instance)
        assert _complete(server, task, {**now, "taskResults": [*now["taskResults"], _entry(number)]}).status_code == 204
    assert _numbers(server, instance) == [0, 1, 2, 3]


def test_other_documents_are_overwritten_as_ever(server: Server, client: Client) -> None:
    client.deploy("three", resources={"three.bpmn": then_wait("three", "three", 3)})
    instance = client.start("three", {"ProcessTaskResults": {"taskResults": [], "mine": True}}).id
    tasks = [task for task in _fetch(server, "three") if task["processInstanceId"] == instance]
    for number, task in enumerate(tasks):
        assert _complete(server, task, {"taskResults": [number], "mine": True}).status_code == 204
    assert _document(server, instance)["taskResults"] == [2]


def _write(server: Server, instance: str, document: Any, **more: Any) -> Any:
    return server.rest.post(f"/process-instance/{instance}/variables", json={"modifications": _json(document), **more})


def test_a_worker_that_writes_in_the_middle_of_its_task(server: Server, branches: tuple[str, list[Any]]) -> None:
    """As the Java client's `setVariables` does; the document comes again with the completion."""
    instance, tasks = branches
    first = {**EMPTY, "taskResults": [_entry(0), _entry(1)]}
    assert _write(server, instance, first, workerId="w").status_code == 204
    assert _complete(server, tasks[0], first).status_code == 204
    assert _numbers(server, instance) == [0, 1]
    refused = _write(server, instance, {**EMPTY, "taskResults": [_entry(0), _entry(2)]}, workerId="w")
    assert (refused.status_code, refused.json()["type"]) == (500, "OptimisticLockingException")
    # Whoever is no worker says what it is, as ever.
    assert _write(server, instance, {**EMPTY, "taskResults": [_entry(5)]}).status_code == 204
    assert _numbers(server, instance) == [5]
