"""Calls back of those that work was given to over HTTP: each has the effect of a reply over a bus (`bridge.replies`)."""

from collections.abc import Mapping
from typing import Any

from penstock.base.errors import BadRequest, CallbackLate
from penstock.bridge.config import Connection
from penstock.bridge.consuming import Late, Refusal
from penstock.bridge.replies import BPMN_ERROR, COMPLETED, FAILED, Replies
from penstock.bridge.tokens import opened
from penstock.bus.cloudevents import CloudEvent, Mode, Received
from penstock.bus.protocol import Delivery


class CallbackTaker:
    """Takes what is reported to one connection."""

    def __init__(self, name: str, connection: Connection, replies: Replies) -> None:
        self._name = name
        self._connection = connection
        self._replies = replies

    async def __call__(self, token: str, report: Mapping[str, Any]) -> str:
        """See `runtime.callbacks.TakeCallback`."""
        task, request = opened(token, self._name, self._connection)
        kind, data = _kind_of(report), _data_of(report)
        event = CloudEvent(
            id=f"{request}.{kind}",
            source=f"/penstock/callbacks/{self._name}",
            type=kind,
            subject=task,
            data=data,
            extensions={"causationid": request},
        )
        received = Received(mode=Mode.STRUCTURED, event=event, delivery=_delivery(event.id))
        try:
            return await self._replies.take_event(received)
        except Late as late:
            raise CallbackLate(str(late)) from late
        except Refusal as refusal:
            raise BadRequest(str(refusal)) from refusal


def _kind_of(report: Mapping[str, Any]) -> str:
    """What the report says: its `type`, in full or the last part of it; without one, an `errorCode` is a BPMN error and an
    `errorMessage` a failure. Raises BadRequest."""
    stated = report.get("type")
    if stated is None:
        return BPMN_ERROR if "errorCode" in report else FAILED if "errorMessage" in report else COMPLETED
    for kind in (COMPLETED, FAILED, BPMN_ERROR):
        if stated in (kind, kind.rpartition(".")[2]):
            return kind
    raise BadRequest(f"type is {stated!r}: use completed, failed or bpmn-error, or leave it out")


def _data_of(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a CloudEvent its data, else the report itself."""
    if "specversion" not in report:
        return {name: value for name, value in report.items() if name != "type"}
    data = report.get("data")
    if data is not None and not isinstance(data, dict):
        raise BadRequest("the data of a report must be a JSON object")
    return data or {}


def _delivery(id: str) -> Delivery:
    return Delivery(
        id=id,
        channel="callbacks",
        body=b"",
        key=None,
        headers={},
        content_type=None,
        published_at_ms=None,
        attempt=1,
        metadata={},
        receipt=None,
    )
