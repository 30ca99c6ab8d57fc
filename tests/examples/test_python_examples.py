"""The examples with Python workers, as a user runs them: a server process, a worker process, REST."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.processes import Running, Server, wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_kyc(tmp_path: Path) -> None:
    """Three customers: a harmless one, one whose review is overdue, and one who withdraws."""
    with _running("kyc", tmp_path) as server:
        for key, name in (("ada", "Ada Palm"), ("viktor", "Viktor Hammer"), ("eve", "Eve Away")):
            _start(server, "kyc", key, customerId=key, customer={"name": name, "country": "PT"})
        for key in ("ada", "viktor", "eve"):
            _waits_at(server, key, "AwaitDocuments")
        _fire(server, "DocumentsMissing", "eve")
        _message(server, "ApplicationWithdrawn", businessKey="eve")

        blurred = [{"kind": "passport", "name": "Ada Palm", "readable": False}]
        _message(server, "DocumentsReceived", {"documents": blurred}, businessKey="ada")
        wait_until(lambda: _is(server, "ada", "requests", 2), "a second request for documents")
        _waits_at(server, "ada", "AwaitDocuments")
        for key, name in (("ada", "Ada Palm"), ("viktor", "Viktor Hammer")):
            correlation = {"customerId": {"value": key, "type": "String"}}
            documents = {"documents": [{"kind": "passport", "name": name}]}
            _message(server, "DocumentsReceived", documents, correlationKeys=correlation)
        _ends(server, "ada", "CustomerAccepted")
        _ends(server, "eve", "Withdrawn")
        _check_results(server, "ada", requests=2)

        _waits_at(server, "viktor", "ReviewCase")
        _fire(server, "ReviewOverdue", "viktor")
        (task,) = server.get("/task", taskDefinitionKey="HeadReview", candidateGroup="head-of-compliance")
        decision = {"decision": {"value": "refuse", "type": "String"}}
        server.post(f"/task/{task['id']}/complete", {"variables": decision})
        _ends(server, "viktor", "CustomerRefused")
        assert server.get("/task/count") == {"count": 0}
        assert server.get("/incident/count") == {"count": 0}


def _check_results(server: Server, key: str, *, requests: int) -> None:
    """Every check appended its entry, although all ran at the same time."""
    results = json.loads(_variable(server, key, "ProcessTaskResults", deserializeValues="false"))
    steps = [entry["taskId"] for entry in results["taskResults"]]
    assert steps[-1] == "OpenAccount"
    assert {"CheckIdentity", "ScreenSanctions", "ScreenPep", "SearchMedia"} <= set(steps)
    assert steps.count("CheckIdentity") == 1 < requests, "an unreadable document is no result"


def test_telecom(tmp_path: Path) -> None:
    """Three orders: one goes into service after a repair, one is aborted, one is not feasible."""
    with _running("telecom", tmp_path) as server:
        _order(server, "long", city="Lisbon", line_m=5_000)
        _order(server, "late", city="Lisbon")
        _order(server, "none", city="Nowhere")
        _ends(server, "none", "Infeasible")
        _message(server, "SurveyReported", {"feasible": True}, businessKey="late")
        for key in ("long", "late"):
            _waits_at(server, key, "RouterDelivered")
            _message(server, "RouterDelivered", businessKey=key)
            _waits_at(server, key, "AwaitInstallation")

        _message(server, "InstallationReported", {"technician": "Kim"}, businessKey="long")
        for _ in range(2):
            _waits_at(server, "long", "Settle", definition="line_test")
            _fire(server, "Settle", "long", definition="line_test")
        _waits_at(server, "long", "RepairLine")
        (task,) = server.get("/task", processInstanceBusinessKey="long")
        server.post(f"/task/{task['id']}/complete", {"variables": {"repaired": {"value": True, "type": "Boolean"}}})
        _ends(server, "long", "LineInService")
        assert _variable(server, "long", "signalDb") == 20

        for timer in ("InstallationLate", "SlaMissed"):
            _fire(server, timer, "late")
        _ends(server, "late", "OrderAborted")
        assert _variable(server, "late", "phoneNumber") is None
        undone = server.get("/history/activity-instance", processInstanceId=_instance(server, "late"), finished="true")
        assert {"ReleaseNumber", "ReleasePort", "RecallRouter", "Escalated"} <= {row["activityId"] for row in undone}


def _order(server: Server, key: str, **address: Any) -> None:
    services = [{"name": "internet", "mbits": 500}, {"name": "voice"}]
    _start(server, "provisioning", key, orderId=key, address=address, services=services)


@contextmanager
def _running(example: str, folder: Path) -> Iterator[Server]:
    """A server with the example's models, and its worker."""
    with Server(f"sqlite:///{folder}/{example}.db", folder) as server:
        for model in sorted((EXAMPLES / example).glob("*.bpmn")):
            server.deploy(model)
        command = [sys.executable, str(EXAMPLES / example / "worker.py")]
        with Running(command, folder / "worker.log", {"PENSTOCK_URL": server.url}) as worker:
            yield server
            worker.stop()
        server.stop()


def _start(server: Server, definition: str, key: str, **variables: Any) -> None:
    body = {"businessKey": key, "variables": _typed(variables)}
    server.post(f"/process-definition/key/{definition}/start", body)


def _message(server: Server, name: str, variables: dict[str, Any] | None = None, **to: Any) -> None:
    server.post("/message", {"messageName": name, "processVariables": _typed(variables or {}), **to})


def _typed(variables: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"type": "Json", "value": json.dumps(value)} if isinstance(value, dict | list) else {"value": value}
        for name, value in variables.items()
    }


def _instance(server: Server, key: str, definition: str | None = None) -> str:
    """Id of the newest instance with this business key; called ones have it too."""
    query = {"processInstanceBusinessKey": key, "sortBy": "startTime", "sortOrder": "desc"}
    called = {"processDefinitionKey": definition} if definition else {"rootProcessInstances": "true"}
    id: str = server.get("/history/process-instance", **query, **called)[0]["id"]
    return id


def _waits_at(server: Server, key: str, activity: str, definition: str | None = None) -> None:
    def there() -> tuple[bool, object]:
        try:
            instance = _instance(server, key, definition)
        except IndexError:
            return False, "no such instance"
        open_ = server.get("/history/activity-instance", processInstanceId=instance, unfinished="true")
        seen = [row["activityId"] for row in open_]
        return activity in seen, seen

    wait_until(there, f"{key} waits at {activity}")


def _fire(server: Server, timer: str, key: str, definition: str | None = None) -> None:
    """Has a timer fire before it is due."""
    instance = _instance(server, key, definition)
    (job,) = server.get("/job", processInstanceId=instance, activityId=timer)
    server.post(f"/job/{job['id']}/execute", {})


def _ends(server: Server, key: str, activity: str) -> None:
    """The instance has ended, and has been at this end event."""

    def ended() -> tuple[bool, object]:
        instance = _instance(server, key)
        rows = server.get("/history/activity-instance", processInstanceId=instance)
        (state,) = server.get("/history/process-instance", processInstanceId=instance)
        seen = [row["activityId"] for row in rows]
        return state["state"] == "COMPLETED" and activity in seen, seen

    wait_until(ended, f"{key} ends at {activity}")


def _variable(server: Server, key: str, name: str, **parameters: str) -> Any:
    query = {"processInstanceId": _instance(server, key), "variableName": name, **parameters}
    (variable,) = server.get("/history/variable-instance", **query)
    return variable["value"]


def _is(server: Server, key: str, name: str, value: object) -> tuple[bool, object]:
    seen = _variable(server, key, name)
    return seen == value, seen
