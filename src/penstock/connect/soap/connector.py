"""`soap-http-connector` (Camunda Connect): an envelope by POST, over the HTTP connector.

As in Camunda, `url`, `headers` and `payload` (the whole envelope) are sent as they are; a fault is an answer like any other,
unless the model maps it (`errors`). Beyond that, `operation` or `body` have the envelope built: then a fault that is not
mapped fails the job.
"""

from collections.abc import Mapping
from typing import Any

from penstock.base.clock import Clock, SystemClock
from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.connections import Connections, HttpConnection
from penstock.connect.errors import status_causes
from penstock.connect.http.connector import HttpConnector
from penstock.connect.inputs import choice, mapping_of, text_of
from penstock.connect.protocol import Answer
from penstock.connect.soap import envelope, security
from penstock.connect.soap.fault import Fault, read_answer

ID = "soap-http-connector"

_TYPES = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}


class SoapConnector:
    """Sends envelopes by `http`."""

    def __init__(self, http: HttpConnector, connections: Connections, clock: Clock | None = None) -> None:
        self._http = http
        self._connections = connections
        self._clock = clock or SystemClock()

    async def call(self, inputs: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        """See `Connector.call`. Outputs: `statusCode`, `headers`, `response`; `body` (the XML that is in the answer's Body, or
        None) and `fault` (None, or a map of `code`, `reason`, `detail`)."""
        name = text_of("connection", inputs.get("connection"))
        connection = None if name is None else self._connections.of(name, HttpConnection, ID)
        built = "payload" not in inputs
        version, text = self._envelope(inputs, connection, built)
        answer = await self._http.send(
            {
                "url": inputs.get("url"),
                "method": "POST",
                "headers": _headers(inputs, version),
                "payload": text,
                "configuration": inputs.get("configuration"),
            },
            connection,
            key,
        )
        return _read(answer, strict=built)

    async def close(self) -> None:
        """See `Connector.close`: what is held is the HTTP connector's."""

    def _envelope(
        self, inputs: Mapping[str, Any], connection: HttpConnection | None, built: bool
    ) -> tuple[str | None, Any]:
        """The version of SOAP (None: a payload that need not be read) and the envelope."""
        signed = connection is not None and connection.ws_security is not None
        if not built and not signed:
            return _version_of(inputs.get("payload")), inputs["payload"]
        if built:
            version = choice("soapVersion", inputs, tuple(_TYPES), "1.1", ID)
            root = envelope.build(inputs, version)
        else:
            root = envelope.parse(text_of("payload", inputs["payload"]) or "", "payload")
            version = envelope.version(root)
        if signed:
            assert connection is not None
            security.add_username_token(root, connection, self._clock.now_ms())
        return version, envelope.written(root)


def _version_of(payload: Any) -> str | None:
    text = text_of("payload", payload) or ""
    return next((version for version, uri in envelope.NAMESPACES.items() if uri in text), None)


def _headers(inputs: Mapping[str, Any], version: str | None) -> dict[str, Any]:
    headers = mapping_of("headers", inputs.get("headers"))
    known = {name.lower() for name in headers}
    action = text_of("soapAction", inputs.get("soapAction"))
    if action is not None and ('"' in action or "\\" in action):
        raise ConnectorRefused("The input parameter 'soapAction' must be a URI, without quotes and backslashes")
    if "content-type" not in known:
        kind = _TYPES[version or "1.1"]
        if version == "1.2" and action is not None:
            kind += f'; action="{action}"'
        headers["Content-Type"] = kind
    if "soapaction" not in known and version != "1.2" and (action is not None or version is not None):
        headers["SOAPAction"] = f'"{action or ""}"'
    return headers


def _read(answer: Answer, *, strict: bool) -> Answer:
    """The answer with what is in it. `strict`: what is no envelope, or a fault, is a failure."""
    status = answer["statusCode"]
    try:
        body, fault = read_answer(answer["response"])
    except ConnectorFailed as failed:
        if strict:
            failed.causes = status_causes(status)
            if 400 <= status < 500:
                raise ConnectorRefused(f"{failed.message} (status {status})", causes=failed.causes) from None
            raise ConnectorFailed(f"{failed.message} (status {status})", causes=failed.causes) from None
        body, fault = None, None
    answer["body"], answer["fault"] = body, None if fault is None else fault.shown
    answer.causes = (*(fault.causes if fault is not None else ()), *status_causes(status))
    if strict and fault is not None:
        raise _failure(fault, answer.causes)
    if strict and status >= 400:
        raise ConnectorFailed(f"The SOAP service answers with status {status} and no fault", causes=answer.causes)
    return answer


def _failure(fault: Fault, causes: tuple[str, ...]) -> ConnectorFailed:
    detail = f", detail {fault.detail}" if fault.detail else ""
    kind = ConnectorRefused if fault.is_ours else ConnectorFailed
    return kind(f"The SOAP service answers with the fault {fault.code}{detail}", causes=causes)
