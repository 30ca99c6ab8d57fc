"""A call as a model's input parameters describe it."""

from typing import Any

import pytest

from penstock.base.errors import ConnectorRefused
from penstock.connect.http.request import read
from penstock.expr.values import JsonNode, TreeMap

GET = {"method": "GET", "url": "https://api.example.com/a"}


def test_what_a_call_says() -> None:
    headers = TreeMap({"X-A": 1, "host": "evil", "Content-Length": "0", "B": None})
    call = read({**GET, "method": " post ", "headers": headers, "payload": "ä"}, "k")
    assert (call.method, call.target.host, call.target.port, call.target.path) == ("POST", "api.example.com", 443, "/a")
    assert call.headers == (("X-A", "1"), ("Idempotency-Key", "k"))
    assert call.payload == "ä".encode()


def test_a_model_may_choose_its_own_key() -> None:
    assert read({**GET, "headers": {"idempotency-key": "mine"}}, "k").headers == (("idempotency-key", "mine"),)


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        (None, None),
        ("", None),
        (JsonNode({"a": [1]}), b'{"a":[1]}'),
        ({"a": None}, b'{"a":null}'),
        ([1, True], b"[1,true]"),
    ],
)
def test_payloads(payload: Any, sent: bytes | None) -> None:
    assert read({**GET, "payload": payload}, "k").payload == sent


def test_options_of_camunda_connect() -> None:
    options = {"connection-timeout": "500", "socket-timeout": 700, "max-redirects": 3, "throw-http-error": "TRUE"}
    call = read({**GET, "configuration": options}, "k")
    assert (call.connect_ms, call.read_ms, call.redirects_max, call.fails_on_status) == (500, 700, 3, True)
    assert read({**GET, "configuration": {"redirects-enabled": False}}, "k").redirects_max == 0


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"method": "GET"}, "Request url required"),
        ({"url": "http://a"}, "Request method required"),
        ({**GET, "method": "BREW"}, "Unknown or unsupported HTTP method 'BREW'"),
        ({**GET, "url": "ftp://a/"}, "must begin with http:// or https://"),
        ({**GET, "url": "file:///etc/passwd"}, "must begin with"),
        ({**GET, "url": "http://u:p@a/"}, "with a user in it"),
        ({**GET, "url": "http:///a"}, "names no host"),
        ({**GET, "url": "http://[::1/"}, "is no URL"),
        ({**GET, "url": "http://a:x/"}, "is no URL"),
        ({**GET, "url": "http://[fe80::1%25eth0]/"}, "names a zone"),
        ({**GET, "url": "http://a/ b"}, "must be encoded"),
        ({**GET, "url": "http://a/" + "x" * 9000}, "more than 8192"),
        ({**GET, "url": "http://a/?token=secret x"}, "The URL 'http://a/' has characters that must be encoded"),
        ({**GET, "url": "http://a:x/?token=secret"}, "'http://a:x/' is no URL"),
        ({**GET, "url": "http://u:secret@a:x/"}, "'http://…@a:x/' is no URL"),
        ({**GET, "url": "http://u:secret@\u2100.example/"}, "is no URL"),
        ({**GET, "url": "ftp://u:secret@a/?secret"}, "'ftp://…@a/' must begin with"),
        ({**GET, "url": "http:///a?secret"}, "'http:///a' names no host"),
        ({**GET, "url": "http://a/\ud800"}, "must be encoded"),
        ({**GET, "payload": "\ud800"}, "half of a character"),
        ({**GET, "payload": {"a": "\ud800"}}, "half of a character"),
        ({**GET, "headers": "a: b"}, "'headers' must be a map"),
        ({**GET, "headers": {"A": "x\r\nB: y"}}, "cannot be sent"),
        ({**GET, "headers": {"A:": "x"}}, "cannot be sent"),
        ({**GET, "payload": 5}, "'payload' must be text or JSON"),
        ({**GET, "configuration": {"proxy": "x"}}, "option 'proxy'"),
        ({**GET, "configuration": {"socket-timeout": "soon"}}, "must be a positive number"),
    ],
)
def test_refused(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConnectorRefused) as refused:
        read(inputs, "k")
    assert message in refused.value.message
    assert "secret" not in refused.value.message
