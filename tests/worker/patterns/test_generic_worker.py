"""Workers that are a TOML file: a server process, a service process, `penstock worker run`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from patterns_support import Generic, Service, ended
from worker_models import one_task

from penstock.base.clock import SystemClock
from penstock.worker import Client
from support.processes import Server, wait_until

CONFIG = """
[worker]
long_poll = "PT5S"

[endpoint.payments]
url = "{url}/v1"
headers = {{ Authorization = "Bearer ${{PAYMENTS_TOKEN}}", X-Shop = "${{file:shop.txt}}" }}

[topic.g-charge]
endpoint = "payments"
path = "/orders/{{order_id}}/charge"
query = {{ shop = "{{task.businessKey}}", left_out = "{{nothing}}" }}
headers = {{ X-Kind = "kind-{{card}}", X-Key = "${{BRACES}} {{card}}" }}
body = "{{ amount: amount, card: card }}"
variables = {{ paid = "body.paid", receipt = "body.receipt", euros = "body.receipt.cents / 100" }}
retries = {{ count = 3, first = "PT0.05S", most = "PT0.1S" }}

[[topic.g-charge.error]]
status = 402
when = 'body.code = "DECLINED"'
code = "PAYMENT_DECLINED"
message = "body.message"
variables = {{ limit = "body.limit" }}
"""

DECLINED = """<bpmn:boundaryEvent id="Declined" attachedToRef="Work"><bpmn:errorEventDefinition errorRef="E"
    camunda:errorMessageVariable="why"/></bpmn:boundaryEvent>
  <bpmn:sequenceFlow id="d" sourceRef="Declined" targetRef="Refused"/><bpmn:endEvent id="Refused"/>"""


def _model(key: str, topic: str) -> bytes:
    error = b'<bpmn:error id="E" errorCode="PAYMENT_DECLINED"/></bpmn:definitions>'
    return one_task(key, topic, after=DECLINED).replace(b"</bpmn:definitions>", error)


@pytest.fixture
def file(service: Service, tmp_path: Path) -> Path:
    """The configuration."""
    path = tmp_path / "workers.toml"
    path.write_text(CONFIG.format(url=service.url))
    (tmp_path / "shop.txt").write_text("shop-secret\n")
    return path


def test_a_topic_needs_no_code(server: Server, client: Client, service: Service, file: Path) -> None:
    client.deploy("g", resources={"g.bpmn": _model("g", "g-charge")})
    trace = "0af7651916cd43dd8448eb211c80319c"
    good = {"order_id": "A/4711", "amount": 12.5, "card": "valid", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    client.start("g", good, business_key="good")
    client.start("g", {"order_id": "B", "amount": 99, "card": "declined"}, business_key="bad")
    client.start("g", {"order_id": "C", "amount": 1, "card": "unknown"}, business_key="wrong")
    with Generic(server, file, PAYMENTS_TOKEN="token-secret", BRACES="{key}-secret") as worker:
        wait_until(lambda: ((found := ended(server, "good")) is not None, found), "the payment")
        wait_until(lambda: (ended(server, "bad") is not None, None), "the refusal")
        wait_until(lambda: (bool(server.get("/incident", processDefinitionKeyIn="g")), None), "the incident")
        worker.stop()
        log = worker.log
    good = ended(server, "good")
    assert (good["paid"], good["euros"]) == (True, 12.5) and good["receipt"]
    bad = ended(server, "bad")
    assert (bad["why"], bad["limit"]) == ("insufficient funds", 50.5)
    (asked,) = service.asked("A%2F4711")
    assert (asked["method"], asked["path"]) == ("POST", "/v1/orders/A%2F4711/charge?shop=good")
    assert asked["body"] == {"amount": 12.5, "card": "valid"}
    headers = asked["headers"]
    assert (headers["authorization"], headers["x-shop"]) == ("Bearer token-secret", "shop-secret")
    assert headers["traceparent"].startswith(f"00-{trace}-"), "the service is in the trace of the process"
    assert headers["x-kind"] == "kind-valid" and headers["idempotency-key"].endswith(":1")
    assert headers["x-key"] == "{key}-secret valid"
    (incident,) = server.get("/incident", processDefinitionKeyIn="g")
    assert "was answered with 404" in incident["incidentMessage"]
    assert len(service.asked("orders/C/")) == 1, "asking again would give the same"
    details = server.rest.get(f"/external-task/{incident['configuration']}/errorDetails").text
    assert "no such card" in details
    for secret in ("token-secret", "shop-secret", "{key}-secret"):
        assert secret not in log and secret not in details


def test_a_new_topic_needs_no_restart(server: Server, client: Client, service: Service, file: Path) -> None:
    client.deploy("n", resources={"n.bpmn": _model("n", "g-new")})
    client.start("n", {"order_id": "N"}, business_key="new")
    with Generic(server, file, PAYMENTS_TOKEN="x", BRACES="{") as worker:
        wait_until(lambda: ("works g-charge" in worker.log, worker.log), "the worker")
        text = file.read_text()
        file.write_text(text + '[topic.g-new]\nendpoint = "payments"\npath = "/new/{oops"\n')
        wait_until(lambda: ("goes on as before" in worker.log, worker.log), "the complaint")
        assert "topic.g-new.path" in worker.log
        added = '[topic.g-new]\nendpoint = "payments"\nmethod = "GET"\npath = "/new/{order_id}"\n'
        file.write_text(text + added + 'variables = { status = "status" }\n')
        wait_until(lambda: (ended(server, "new") is not None, worker.log), "the new topic")
        (file.parent / "shop.txt").write_text("shop-two\n")
        wait_until(lambda: (worker.log.count("was read again") >= 2, worker.log), "the other secret")
        client.start("n", {"order_id": "M"}, business_key="newer")
        wait_until(lambda: (ended(server, "newer") is not None, worker.log), "the new secret in use")
        worker.stop()
        pids = worker.log.count("INFO penstock.worker: worker ")
    assert pids == 2, "begun once, stopped once"
    assert ended(server, "new")["status"] == 200
    (asked,), (later,) = service.asked("new/N"), service.asked("new/M")
    assert asked["body"] is None and asked["method"] == "GET"
    assert (asked["headers"]["x-shop"], later["headers"]["x-shop"]) == ("shop-secret", "shop-two")


def test_failures_are_tried_again_under_a_new_key(server: Server, client: Client, service: Service, file: Path) -> None:
    client.deploy("p", resources={"p.bpmn": _model("p", "g-charge")})
    started = client.start("p", {"order_id": "P", "amount": 1, "card": "poison"})
    with Generic(server, file, PAYMENTS_TOKEN="x", BRACES="{") as worker:
        wait_until(lambda: (len(server.get("/incident", processInstanceId=started.id)) == 1, None), "the incident")
        keys = [entry["headers"]["idempotency-key"] for entry in service.asked("orders/P/")]
        (task,) = server.get("/external-task", processInstanceId=started.id)
        assert keys == [f"{task['id']}:{attempt}" for attempt in (1, 2, 3)]
        server.rest.put(f"/external-task/{task['id']}/retries", json={"retries": 1}).raise_for_status()
        wait_until(lambda: (len(service.asked("orders/P/")) == 4, None), "the try after the incident")
        worker.stop()
    assert service.asked("orders/P/")[-1]["headers"]["idempotency-key"] == f"{task['id']}:4"


def test_nobody_waits_beyond_the_deadline(server: Server, client: Client, service: Service, file: Path) -> None:
    file.write_text(
        CONFIG.format(url=service.url)
        + '[topic.g-late]\nendpoint = "payments"\npath = "/late/{order_id}"\ndeadline = "until"\n'
        + 'late = "PAYMENT_DECLINED"\n'
    )
    client.deploy("l", resources={"l.bpmn": _model("l", "g-late")})
    service.be(delay_s=3)
    soon = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC) + timedelta(seconds=1.5)
    with Generic(server, file, PAYMENTS_TOKEN="x", BRACES="{") as worker:
        wait_until(lambda: ("works " in worker.log, worker.log), "the worker")
        client.start("l", {"order_id": "L1", "until": soon - timedelta(hours=1)}, business_key="past")
        client.start("l", {"order_id": "L2", "until": soon}, business_key="soon")
        for key in ("past", "soon"):
            wait_until(lambda key=key: (ended(server, key) is not None, worker.log), "the deadline")
            assert "has passed" in ended(server, key)["why"]
        worker.stop()
    assert service.asked("late/L1") == []
