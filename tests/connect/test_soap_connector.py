"""`soap-http-connector` against a real HTTP server."""

import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree
from places import connections
from test_connector_jobs import clock, connector, make_node, process, started, task, values  # noqa: F401

from penstock.base.clock import VirtualClock
from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.allowed import Allowed
from penstock.connect.http.connector import HttpConnector
from penstock.connect.soap.connector import SoapConnector
from penstock.connect.soap.security import WSSE, WSU
from support.http_server import HttpServer, http_server, text

S11 = "http://schemas.xmlsoap.org/soap/envelope/"
S12 = "http://www.w3.org/2003/05/soap-envelope"


def envelope(inside: str, uri: str = S11) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{uri}"><s:Body>{inside}</s:Body></s:Envelope>'


FAULT_11 = envelope(
    "<s:Fault><faultcode>s:Server</faultcode><faultstring>Card 4711 declined</faultstring>"
    '<detail><c:Declined xmlns:c="urn:c"/></detail></s:Fault>'
)
FAULT_12 = envelope(
    '<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:m="urn:m">m:BadIban</s:Value></s:Subcode></s:Code>'
    '<s:Reason><s:Text xml:lang="en">no</s:Text></s:Reason></s:Fault>',
    S12,
)


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with http_server() as found:
        found.answers["/s"] = text(envelope("<r>42</r>"), 200, Content_Type="text/xml")
        yield found


async def call(server: HttpServer, section: dict[str, Any] | None = None, **inputs: Any) -> Any:
    found = connections(crm={"url": f"{server.url}/s", **(section or {})})
    http = HttpConnector(Allowed((f"127.0.0.1:{server.port}",), ()), 100_000, connections=found)
    try:
        return await SoapConnector(http, found, VirtualClock()).call(inputs, key="k")
    finally:
        await http.close()


def body(server: HttpServer, uri: str = S11) -> Any:
    return etree.fromstring(server.seen[-1].body).find(f"{{{uri}}}Body")


async def test_camundas_inputs_and_outputs(server: HttpServer) -> None:
    payload = envelope("<ask/>")
    answer = await call(
        server,
        url=f"{server.url}/s",
        headers={"SOAPAction": "urn:ask", "Content-Type": "text/xml;charset=UTF-8"},
        payload=payload,
    )
    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (200, "text/xml")
    assert answer["response"] == envelope("<r>42</r>")
    seen = server.seen[0]
    assert (seen.method, seen.body.decode()) == ("POST", payload)
    assert (seen.headers["soapaction"], seen.headers["content-type"]) == ("urn:ask", "text/xml;charset=UTF-8")
    assert seen.headers["idempotency-key"] == "k"


async def test_as_in_camunda_a_fault_and_a_page_are_answers_to_a_payload(server: HttpServer) -> None:
    server.answers["/s"] = text(FAULT_11, 500)
    answer = await call(server, url=f"{server.url}/s", payload=envelope("<a/>"))
    assert (answer["statusCode"], answer["fault"]["code"], answer["fault"]["reason"]) == (
        500,
        "Server",
        "Card 4711 declined",
    )
    server.answers["/s"] = text("<html>", 503)
    answer = await call(server, url=f"{server.url}/s", payload=envelope("<a/>"))
    assert (answer["response"], answer["fault"]) == ("<html>", None)


async def test_an_operation_and_its_parameters(server: HttpServer) -> None:
    answer = await call(
        server,
        connection="crm",
        operation="Charge",
        namespace="urn:crm",
        soapAction="urn:crm/Charge",
        parameters={
            "card": "</card><x>&",
            "amount": 12.5,
            "express": True,
            "at": datetime(2026, 1, 2, tzinfo=UTC),
            "item": [{"sku": "a"}, {"sku": "b"}],
            "none": None,
        },
    )
    assert etree.fromstring(answer["body"]).text == "42"
    (charge,) = body(server)
    assert charge.tag == "{urn:crm}Charge"
    told = [(etree.QName(node).localname, node.text) for node in charge.iter()][1:]
    assert told == [
        ("card", "</card><x>&"),
        ("amount", "12.5"),
        ("express", "true"),
        ("at", "2026-01-02T00:00:00Z"),
        ("item", None),
        ("sku", "a"),
        ("item", None),
        ("sku", "b"),
    ]
    assert server.seen[0].headers["soapaction"] == '"urn:crm/Charge"'
    assert server.seen[0].headers["content-type"] == "text/xml; charset=utf-8"


async def test_a_template_takes_values_never_markup(server: HttpServer) -> None:
    template = '<a xmlns="urn:a" id="{{ id }}"><b>Dear {{name}}!</b></a>'
    await call(
        server, connection="crm", body=template, parameters={"id": '1" x="2', "name": "<b/>&amp;"}, soapVersion="1.2"
    )
    (element,) = body(server, S12)
    assert dict(element.attrib) == {"id": '1" x="2'}
    assert [node.text for node in element.iter()][1:] == ["Dear <b/>&amp;!"]
    with pytest.raises(ConnectorRefused, match="which 'parameters' does not have"):
        await call(server, connection="crm", body=template, parameters={"id": 1})


async def test_soap_12_has_its_action_in_the_content_type(server: HttpServer) -> None:
    await call(server, connection="crm", operation="A", soapVersion="1.2", soapAction="urn:A")
    assert server.seen[0].headers["content-type"] == 'application/soap+xml; charset=utf-8; action="urn:A"'
    assert "soapaction" not in server.seen[0].headers


async def test_a_fault_fails_with_its_causes_and_without_its_words(server: HttpServer) -> None:
    server.answers["/s"] = text(FAULT_11, 500)
    with pytest.raises(ConnectorFailed) as failed:
        await call(server, connection="crm", operation="A")
    assert not isinstance(failed.value, ConnectorRefused)
    assert failed.value.causes == ("Declined", "Server", "fault", "500", "5xx")
    assert "4711" not in failed.value.message
    server.answers["/s"] = text(FAULT_12, 400)
    with pytest.raises(ConnectorRefused) as refused:
        await call(server, connection="crm", operation="A")
    assert refused.value.causes == ("BadIban", "Sender", "fault", "400", "4xx")


@pytest.mark.parametrize(
    "answer",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<?xml version="1.0"?><!doctype a><a/>',
        envelope("&x;"),
        "<a/>",
        "{}",
    ],
)
async def test_what_is_no_envelope_is_not_taken_for_one(server: HttpServer, answer: str) -> None:
    server.answers["/s"] = text(answer, 200)
    with pytest.raises(ConnectorFailed, match="The answer of the SOAP service"):
        await call(server, connection="crm", operation="A")


@pytest.mark.parametrize("kind", ["text", "digest"])
@pytest.mark.parametrize("own", [True, False])
async def test_a_username_token(server: HttpServer, kind: str, own: bool) -> None:
    section = {"user": "anna", "password": "hunter2", "ws_security": kind}
    inputs: dict[str, Any] = {"payload": envelope("<a/>")} if own else {"operation": "A"}
    await call(server, section, connection="crm", **inputs)
    root = etree.fromstring(server.seen[0].body)
    token = root.find(f"{{{S11}}}Header/{{{WSSE}}}Security/{{{WSSE}}}UsernameToken")
    assert token.findtext(f"{{{WSSE}}}Username") == "anna"
    password = token.find(f"{{{WSSE}}}Password")
    assert password.get("Type").endswith({"text": "#PasswordText", "digest": "#PasswordDigest"}[kind])
    nonce = base64.b64decode(token.findtext(f"{{{WSSE}}}Nonce"))
    raw = nonce + token.findtext(f"{{{WSU}}}Created").encode() + b"hunter2"
    digest = base64.b64encode(hashlib.sha1(raw).digest()).decode()
    assert password.text == {"text": "hunter2", "digest": digest}[kind]
    assert "authorization" not in server.seen[0].headers


async def test_inputs_that_cannot_be(server: HttpServer) -> None:
    for inputs, message in (
        ({}, "needs one of the input parameters"),
        ({"operation": "a b"}, "has a name or a character"),
        ({"operation": "A", "parameters": {"x": "\0"}}, "has a name or a character"),
        ({"operation": "A", "parameters": {"x": b"1"}}, "must be text, number or date"),
        ({"body": "<a>"}, "is no well-formed XML"),
        ({"body": "<!DOCTYPE a><a/>"}, "has a DOCTYPE"),
        ({"operation": "A", "soapVersion": "2"}, "must be one of 1.1, 1.2"),
        ({"operation": "A", "soapAction": 'a"b'}, "must be a URI"),
    ):
        with pytest.raises(ConnectorRefused, match=message):
            await call(server, connection="crm", **inputs)
    assert not server.seen


async def test_an_answer_in_the_encoding_that_it_declares(server: HttpServer) -> None:
    answer = envelope("<r>Grüße</r>").replace("UTF-8", "ISO-8859-1").encode("latin-1")
    server.answers["/s"] = text(answer, 200, Content_Type="text/xml")
    assert etree.fromstring((await call(server, connection="crm", operation="A"))["body"]).text == "Grüße"


async def test_a_model_for_camundas_connector_runs_as_it_is(make_node: Any, server: HttpServer) -> None:  # noqa: F811
    server.answers["/s"] = text(FAULT_11, 500)
    node = await make_node()
    outputs = (
        '<camunda:outputParameter name="status">${statusCode}</camunda:outputParameter>'
        '<camunda:outputParameter name="answer">${response}</camunda:outputParameter>'
        '<camunda:outputParameter name="kind">${headers["Content-Length"]}</camunda:outputParameter>'
    )
    model = process(task(connector(f"{server.url}/s", id="soap-http-connector", outputs=outputs)))
    instance = await started(node, model)
    await node.run_due_jobs()
    found = await values(node, instance)
    assert (found["status"], found["answer"], found["kind"]) == (500, FAULT_11, str(len(FAULT_11)))
    assert (server.seen[0].body, server.seen[0].headers["x-order"]) == (b'{"order":7}', "7")
