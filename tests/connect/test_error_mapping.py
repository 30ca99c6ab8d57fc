"""The input parameter `errors`: what went wrong outside becomes a BPMN error of the model."""

from typing import Any

import pytest
from places import connections
from test_connector_jobs import MakeNode, clock, connector, job, make_node, process, server, started, task, tasks  # noqa: F401  # noqa: F401

from penstock.base.errors import ConnectorRefused
from penstock.connect.errors import code_for, codes
from support.http_server import text

BOUNDARY = (
    '<boundaryEvent id="caught" attachedToRef="call"><errorEventDefinition errorRef="e" camunda:errorMessageVariable="why"/>'
    '</boundaryEvent><userTask id="other"/><sequenceFlow id="f3" sourceRef="caught" targetRef="other"/>'
)


def parameter(name: str, value: str) -> str:
    return f'<camunda:inputParameter name="{name}">{value}</camunda:inputParameter>'


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (None, {}),
        ("", {}),
        ("404=NotFound, 5xx = Down ,", {"404": "NotFound", "5xx": "Down"}),
        ("404=NotFound\n*=Other", {"404": "NotFound", "*": "Other"}),
        ('{"404": "NotFound"}', {"404": "NotFound"}),
        ({"404": "NotFound"}, {"404": "NotFound"}),
    ],
)
def test_how_it_is_written(written: Any, found: dict[str, str]) -> None:
    assert codes({"errors": written}) == found


@pytest.mark.parametrize("written", ["404", "404=", "=A", "{", 5, ["404"]])
def test_what_makes_no_sense(written: Any) -> None:
    with pytest.raises(ConnectorRefused, match="'errors'"):
        codes({"errors": written})


def test_the_closest_cause_counts() -> None:
    known = {"404": "NotFound", "4xx": "Refused", "*": "Other"}
    assert [code_for(causes, known) for causes in (("404", "4xx"), ("409", "4xx"), ("500", "5xx"), ())] == [
        "NotFound",
        "Refused",
        "Other",
        None,
    ]


@pytest.mark.parametrize("more", ["", parameter("configuration", '${S("{\\"throw-http-error\\": true}")}')])
async def test_a_status_is_caught(make_node: MakeNode, server: Any, more: str) -> None:  # noqa: F811
    server.answers["/order"] = text("no", 409)
    node = await make_node()
    call = connector(f"{server.url}/order", outputs="", more=parameter("errors", "404=Other, 4xx=Down"))
    instance = await started(node, process(task(call), more=BOUNDARY))
    await node.run_due_jobs()
    assert await tasks(node, instance) == ["other"]


async def test_what_is_not_mapped_stays_what_it_was(make_node: MakeNode, server: Any) -> None:  # noqa: F811
    server.answers["/order"] = text("no", 500)
    node = await make_node()
    call = connector(f"{server.url}/order", outputs="", more=parameter("errors", "404=Down"))
    instance = await started(node, process(task(call), more=BOUNDARY))
    await node.run_due_jobs()
    assert await tasks(node, instance) == ["after"]


async def test_a_connector_without_its_connection_is_an_incident_that_says_what_to_write(make_node: MakeNode) -> None:  # noqa: F811
    node = await make_node()
    call = (
        "<camunda:connector><camunda:connectorId>sql-connector</camunda:connectorId><camunda:inputOutput>"
        f"{parameter('connection', 'warehouse')}{parameter('statement', 'select 1')}{parameter('errors', '*=Down')}"
        "</camunda:inputOutput></camunda:connector>"
    )
    instance = await started(node, process(task(call), more=BOUNDARY))
    await node.run_due_jobs()
    row = await job(node)
    assert row["retries"] == 0
    assert "[connectors.warehouse]" in row["message"]
    assert await tasks(node, instance) == []


def test_connections_are_part_of_a_node() -> None:
    assert "a" in connections(a={"url": "https://a.example"}).within([])
