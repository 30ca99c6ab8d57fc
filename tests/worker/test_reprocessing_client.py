"""Bulk retries from a program: `Client.failed_work`, `reprocess` and what follows, against a real server."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.worker import AsyncClient, Client, FailedWork, RestError
from support.processes import Server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "reprocessing.md"
MODEL = b"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
<process id="bulk" isExecutable="true" camunda:historyTimeToLive="5"><startEvent id="start"/>
<serviceTask id="work" camunda:type="external" camunda:topic="bulk"/>
<sequenceFlow id="f" sourceRef="start" targetRef="work"/></process></definitions>"""


def give_up(server: Server, client: Client, error: str, count: int, topic: str = "bulk") -> None:
    """Starts instances, whose tasks a worker gives up."""
    client.deploy(topic, resources={f"{topic}.bpmn": MODEL.replace(b"bulk", topic.encode())})
    for _ in range(count):
        client.start(topic)
    body = {"workerId": "w", "maxTasks": count, "topics": [{"topicName": topic, "lockDuration": 60_000}]}
    for task in server.post("/external-task/fetchAndLock", body):
        server.post(f"/external-task/{task['id']}/failure", {"workerId": "w", "errorMessage": error, "retries": 0})


def test_a_look_and_a_run(server: Server, client: Client) -> None:
    give_up(server, client, "host 1 is down", 3)
    what = FailedWork(topic="bulk", error="IS DOWN", after=datetime(2020, 1, 1, tzinfo=UTC))
    found = client.failed_work(what)
    assert (found.count, found.groups[0].error, found.groups[0].count) == (3, "host # is down", 3)
    assert found.groups[0].examples[0].error_message == "host 1 is down"
    run = client.reprocess(what, rate_per_second=100, limit=2)
    assert run is not None
    done = client.wait_for_reprocessing(run.id, poll_ms=20)
    assert (done.state, done.total, done.retried, done.failed_again) == ("completed", 2, 2, 0)
    assert client.failed_work(what).count == 1
    assert run.id in {one.id for one in client.reprocessings()}
    assert client.reprocess(FailedWork(topic="nothing")) is None
    assert client.reprocess(what) is not None


async def test_the_same_in_an_event_loop(server: Server, client: Client, aclient: AsyncClient) -> None:
    give_up(server, client, "later", 2)
    what = FailedWork(error="later")
    run = await aclient.reprocess(what, rate_per_second=0.01)
    assert run is not None
    assert (await aclient.pause_reprocessing(run.id)).state == "paused"
    assert not (await aclient.wait_for_reprocessing(run.id)).is_under_way
    assert (await aclient.resume_reprocessing(run.id)).is_under_way
    assert (await aclient.cancel_reprocessing(run.id)).state == "canceled"
    assert (await aclient.reprocessing(run.id)).remaining >= 1


def test_the_program_of_the_page(server: Server, client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    give_up(server, client, "bank 1 does not answer", 3, "charge-card")
    exec(compile(program.replace("http://127.0.0.1:8080", server.url), str(PAGE), "exec"), {})
    assert capsys.readouterr().out == "3 work bank # does not answer\ncompleted 3 0\n"


def test_what_the_server_says_against_it_is_raised(client: Client) -> None:
    with pytest.raises(RestError, match="The filter has no condition") as refused:
        client.reprocess(FailedWork())
    assert refused.value.status == 400
    with pytest.raises(ValueError, match="no time zone"):
        client.failed_work(FailedWork(after=datetime(2026, 1, 1)))
