"""What servers are filled with: models, variables, and many requests at once."""

import selectors
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from penstock.bench.connection import Connection, request
from support.processes import Server

ROOT = Path(__file__).resolve().parents[2]
MODELS = Path(__file__).with_name("models")
ORDER = ROOT / "examples" / "order" / "order.bpmn"
ADA = {"applicant": {"value": "Ada", "type": "String"}}

CONNECTIONS = 32
_encode = msgspec.json.Encoder().encode


def post_all(server: Server, bodies: Iterable[tuple[str, Any]]) -> int:
    """POSTs every (path below `/engine-rest`, body); returns how many. Raises AssertionError for any refusal."""
    port = urlsplit(server.url).port or 0
    waiting = iter(bodies)
    refused: list[bytes] = []
    done = 0
    with selectors.DefaultSelector() as selector:

        def send(connection: Connection) -> None:
            nonlocal done
            following = next(waiting, None)
            if following is None:
                selector.unregister(connection.socket)
                connection.socket.close()
                return
            path, body = following
            done += 1
            connection.send(request("127.0.0.1", port, f"/engine-rest{path}", _encode(body)), answered)

        def answered(connection: Connection, status: int, body: bytes) -> None:
            if status not in (200, 204):
                refused.append(body)
            send(connection)

        for _ in range(CONNECTIONS):
            send(Connection("127.0.0.1", port, selector))
        while selector.get_map():
            for key, _ in selector.select(30):
                key.data.readable()
    assert not refused, f"{len(refused)} refusals, the first: {refused[0].decode(errors='replace')}"
    return done


def start_orders(server: Server, count: int) -> None:
    """Starts that many instances of the order example, which wait for workers."""
    post_all(server, (("/process-definition/key/order/start", _order(number)) for number in range(count)))


def _order(number: int) -> dict[str, Any]:
    return {
        "businessKey": f"order-{number}",
        "variables": {
            "orderId": {"value": f"order-{number}", "type": "String"},
            "amount": {"value": 59.9, "type": "Double"},
            "carrier": {"value": "slowpost", "type": "String"},
            "card": {"value": "valid", "type": "String"},
        },
    }


def fail(server: Server, topic: str, count: int, message: str) -> None:
    """Lets so many external tasks of a topic fail for good: each opens an incident."""
    failure = {"workerId": "crowd", "errorMessage": message, "errorDetails": "at the till", "retries": 0}
    post_all(server, ((f"/external-task/{id}/failure", failure) for id in _fetched(server, topic, count)))


def complete(server: Server, topic: str, count: int) -> None:
    """Completes so many external tasks of a topic."""
    done = {"workerId": "crowd", "variables": {}}
    post_all(server, ((f"/external-task/{id}/complete", done) for id in _fetched(server, topic, count)))


def _fetched(server: Server, topic: str, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        asked = {
            "workerId": "crowd",
            "maxTasks": min(500, count - len(found)),
            "topics": [{"topicName": topic, "lockDuration": 600_000, "variables": []}],
        }
        tasks = server.post("/external-task/fetchAndLock", asked)
        assert tasks, f"there are only {len(found)} tasks of {topic}"
        found += [task["id"] for task in tasks]
    return found
