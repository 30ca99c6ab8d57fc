"""Work over HTTP: a robot gets a request and calls back."""

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from bridge_models import CHARGE, process
from site_of_tests import Site, until

from penstock.api.app import create_app
from penstock.bridge.config import BadBridges, parse
from penstock.connect.templates import templates
from penstock.runtime.protocol import Authentication
from penstock.store.query import Query, eq
from support.http_server import HttpServer, Seen, http_server, text
from support.modeler import applied

SECRET = "of-nobody-elses-business"
ROBOT = """
[connections.robots]
url = "{url}/api"
headers = {{ authorization = "Bearer ${{TOKEN}}" }}
callback = "http://penstock.test"
callback_secret = "{secret}"
[topic."charge-card"]
connection = "robots"
request = "jobs"
timeout = "{timeout}"
retries = 2
retry_timeout = "PT0.2S"
{more}
"""


class Calls:
    """Calls back over the REST API of the node."""

    def __init__(self, site: Site) -> None:
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(site.node)))

    async def report(self, request: Seen, **report: Any) -> httpx.Response:
        return await self.post(request.headers["penstock-callback"], report)

    async def post(self, url: str, report: Any) -> httpx.Response:
        return await self._client.post(url, json=report)


@pytest.fixture
async def robot() -> AsyncIterator[HttpServer]:
    async with http_server() as found:
        yield found


@pytest.fixture
def calls(site: Site) -> Calls:
    return Calls(site)


async def start(site: Site, robot: HttpServer, *, timeout: str = "PT1H", more: str = "") -> str:
    await site.start(ROBOT.format(url=robot.url, secret=SECRET, timeout=timeout, more=more), CHARGE)
    return await site.start_instance("charge", "K", amount=7)


async def requested(robot: HttpServer, number: int = 1) -> Seen:
    async def look() -> bool:
        return len(robot.seen) >= number

    await until(look, f"{number} requests, there are {len(robot.seen)}")
    return robot.seen[number - 1]


async def incidents(site: Site, instance: str) -> list[Any]:
    return await site.node.rows(Query("incident", (eq("instance_id", instance),)))


async def test_a_robot_gets_the_task_and_its_call_back_completes_it(
    site: Site, robot: HttpServer, calls: Calls
) -> None:
    instance = await start(site, robot)
    request = await requested(robot)
    event = msgspec.json.decode(request.body)
    task = await site.task(instance)
    assert (request.method, request.path) == ("POST", "/api/jobs")
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.headers["authorization"] == "Bearer t-1"
    assert (event["type"], event["subject"]) == ("penstock.task.requested", task["id"])
    assert request.headers["idempotency-key"] == event["id"] == task["request_id"]
    answer = await calls.report(request, variables={"paid": {"value": 7, "type": "Integer"}})
    assert (answer.status_code, answer.content) == (204, b"")
    found = await site.at(instance, "t")
    assert found.executions[instance].variables["paid"].value.value == 7
    assert (await calls.report(request, variables={"paid": {"value": 8}})).status_code == 204, "the same report again"
    assert (await site.at(instance, "t")).executions[instance].variables["paid"].value.value == 7


async def test_a_robot_gets_what_the_topic_makes_of_the_task(site: Site, robot: HttpServer, calls: Calls) -> None:
    mapping = 'data = { job = "\\"charge\\"", amount = "variables.amount * 2", webhook = "callback" }'
    instance = await start(site, robot, more=mapping)
    request = await requested(robot)
    body = msgspec.json.decode(request.body)
    assert request.headers["content-type"] == "application/json"
    assert body == {"job": "charge", "amount": 14, "webhook": request.headers["penstock-callback"]}
    assert (await calls.post(body["webhook"], {})).status_code == 204
    await site.at(instance, "t")


async def test_a_robot_reports_a_bpmn_error(site: Site, robot: HttpServer, calls: Calls) -> None:
    instance = await start(site, robot)
    report = {"errorCode": "DECLINED", "errorMessage": "no money"}
    assert (await calls.report(await requested(robot), **report)).status_code == 204
    await site.at(instance, "refused")


async def test_a_failure_is_tried_again_and_ends_in_an_incident(site: Site, robot: HttpServer, calls: Calls) -> None:
    instance = await start(site, robot)
    first = await requested(robot)
    assert (await calls.report(first, type="failed", errorMessage="no screen")).status_code == 204
    second = await requested(robot, 2)
    assert second.headers["penstock-callback"] != first.headers["penstock-callback"]
    late = await calls.report(first, type="failed", errorMessage="no mouse")
    assert late.status_code == 204, "the first report, again"
    assert (await calls.report(second, errorMessage="still no screen")).status_code == 204

    async def stopped() -> list[Any]:
        return await incidents(site, instance)

    (incident,) = await until(stopped)
    assert incident["message"] == "still no screen"


async def test_a_model_with_the_template_of_the_modeler_runs(site: Site, robot: HttpServer, calls: Calls) -> None:
    (template,) = [found.content for found in templates() if found.content["id"] == "penstock.robot"]
    task = applied(template, {"Robot": "charge-card"}).replace("<serviceTask", "<bpmn:serviceTask")
    model = process(
        "robots",
        f"""<bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="call"/>
        {task.replace("</serviceTask", "</bpmn:serviceTask")}
        <bpmn:sequenceFlow id="f2" sourceRef="call" targetRef="e"/><bpmn:endEvent id="e"/>""",
    )
    await start(site, robot)
    await site.deploy(model, 2)
    await requested(robot)
    instance = await site.start_instance("robots")
    assert (await calls.report(await requested(robot, 2))).status_code == 204
    assert (await site.ended(instance))["state"] == "COMPLETED"


async def test_what_comes_too_late_is_told_so(site: Site, robot: HttpServer, calls: Calls) -> None:
    instance = await start(site, robot, timeout="PT0.4S")
    first, second = await requested(robot), await requested(robot, 2)
    failed = await calls.report(first, errorMessage="no screen")
    assert (failed.status_code, failed.json()["type"]) == (409, "urn:penstock:callback-late")
    assert (await calls.report(first)).status_code == 204, "done is done, whichever attempt it was"
    await site.at(instance, "t")
    gone = await calls.report(second)
    assert (gone.status_code, gone.json()["type"]) == (409, "urn:penstock:callback-late")


async def test_nobody_else_can_call_back(site: Site, robot: HttpServer, calls: Calls) -> None:
    instance = await start(site, robot)
    url = (await requested(robot)).headers["penstock-callback"]
    head, _, signature = url.rpartition(".")
    forged = [
        f"{head}.{'0' * len(signature)}",
        head,
        f"{head}.",
        url.replace("/robots/", "/events/"),
        url.replace("/robots/", "/nobody/"),
        url.replace(url[-40], "0" if url[-40] != "0" else "1"),
        "http://penstock.test/penstock/v1/callbacks/robots/%C3%A4",
    ]
    assert [(await calls.post(each, {})).status_code for each in forged] == [404] * len(forged)
    assert (await site.task(instance))["request_id"] is not None
    for malformed in ([], 7, {"type": "perhaps"}, {"variables": 3}, {"retries": -1, "errorMessage": "m"}):
        assert (await calls.post(url, malformed)).status_code == 400
    assert (await calls.post(url, {})).status_code == 204


async def test_no_login_is_needed_where_others_need_one(site: Site, robot: HttpServer) -> None:
    site.node.settings = msgspec.structs.replace(site.node.settings, authentication=Authentication.BASIC)
    calls = Calls(site)
    instance = await start(site, robot)
    request = await requested(robot)
    other = await calls._client.get("http://penstock.test/penstock/v1/services")
    assert other.status_code == 401
    assert (await calls.report(request)).status_code == 204
    await site.at(instance, "t")


async def test_a_robot_that_refuses_fails_the_task(site: Site, robot: HttpServer) -> None:
    robot.answers["/api/jobs"] = text("no such job", 400)
    instance = await start(site, robot)

    async def noted() -> bool:
        return (await site.task(instance))["error_message"] is not None

    await until(noted, "the task has failed")
    message = (await site.task(instance))["error_message"]
    assert message == "The broker refuses the message: the endpoint answers 400 'no such job'"


async def test_a_robot_that_is_busy_gets_it_later_and_once_more_as_the_same(site: Site, robot: HttpServer) -> None:
    robot.answers["/api/jobs"] = text("later", 503)
    instance = await start(site, robot, timeout="PT2S")
    await requested(robot, 2)
    del robot.answers["/api/jobs"]
    await site.clean_outbox()
    assert len({seen.headers["idempotency-key"] for seen in robot.seen}) == 1
    assert (await site.task(instance))["error_message"] is None, "its time has not begun"


@pytest.mark.parametrize(
    ("connection", "topic", "says"),
    [
        ('url = "https://r"', 'request = "jobs"', "the endpoint has to call back"),
        ('url = "https://r"\ncallback = "https://p"', 'publish = "p"\nevent = "E"', "a callback_secret of 16"),
        ('url = "https://r"\ncallback_secret = "0123456789abcdef"', 'publish = "p"\nevent = "E"', "needs callback"),
        ('url = "https://r"\nheaders = { a = "b\\r\\nc" }', 'publish = "p"\nevent = "E"', "the header 'a'"),
        ('url = "kafka://r"\nheaders = { a = "b" }', 'publish = "p"\nevent = "E"', "are for http"),
        ('url = "https://r"', 'request = "jobs"\nreply = "r"', "neither reply"),
    ],
)
def test_an_endpoint_that_makes_no_sense_is_refused(connection: str, topic: str, says: str, tmp_path: Path) -> None:
    content = tomllib.loads(f'[connections.robots]\n{connection}\n[topic.t]\nconnection = "robots"\n{topic}\n')
    with pytest.raises(BadBridges, match=says):
        parse(content, "penstock.toml", {})


def test_nothing_is_read_from_an_endpoint() -> None:
    content = {
        "connections": {"robots": {"url": "https://r"}},
        "bridge": [{"connection": "robots", "channel": "c", "start": "p"}],
    }
    with pytest.raises(BadBridges, match="nothing can be read"):
        parse(content, "penstock.toml", {})
