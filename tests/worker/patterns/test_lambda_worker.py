"""Workers whose topics are functions: on AWS Lambda (what stands for it here), and of a local file."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from patterns_support import Generic, Service, ended
from worker_models import one_task

from penstock.bench.postgres import free_port
from penstock.worker import Client
from support.processes import Running, Server, wait_until

MOTO = Path(os.environ.get("PENSTOCK_MOTO") or Path(sys.executable).with_name("moto_server"))
MOTO_OF_ITS_OWN = Path(sys.executable).parents[1] / "moto" / "bin" / "moto_server"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}

TOPIC = """
[topic.{topic}]
endpoint = "f"
function = "score"
body = "{{ name: name, delay_s: 0.1 }}"
variables = {{ score = "body.score", key = "body.key" }}
retries = {{ count = 2, first = "PT0.05S", most = "PT0.05S" }}

[[topic.{topic}.error]]
type = "Declined"
code = "NO_CUSTOMER"
variables = {{ why = "error.message" }}
"""

BOUNDARY = """<bpmn:boundaryEvent id="Nobody" attachedToRef="Work"><bpmn:errorEventDefinition/></bpmn:boundaryEvent>
  <bpmn:sequenceFlow id="d" sourceRef="Nobody" targetRef="None"/><bpmn:endEvent id="None"/>"""


def _aws(url: str, concurrency: int = 8) -> str:
    breaker = 'breaker = { failures = 2, pause = "PT0.3S" }'
    return f'[endpoint.f]\nkind = "lambda"\nregion = "eu-central-1"\nurl = "{url}"\nconcurrency = {concurrency}\n{breaker}\n'


def _deploy(client: Client, topic: str) -> None:
    client.deploy(topic, resources={f"{topic}.bpmn": one_task(topic, topic, after=BOUNDARY)})


def _finished(server: Server, worker: Generic, key: str) -> None:
    wait_until(lambda: (ended(server, key) is not None, worker.log[-2_000:]), key, 60)


def test_a_function_of_aws(server: Server, client: Client, functions: Service, tmp_path: Path) -> None:
    file = tmp_path / "workers.toml"
    file.write_text(_aws(functions.url, concurrency=3) + TOPIC.format(topic="l-score"))
    _deploy(client, "l-score")
    ada = client.start("l-score", {"name": "Ada"}, business_key="ada")
    client.start("l-score", {"name": "Nobody"}, business_key="nobody")
    client.start("l-score", {"name": "Bug"}, business_key="bug")
    for number in range(12):
        client.start("l-score", {"name": "Eve"}, business_key=f"eve-{number}")
    with Generic(server, file, **KEYS) as worker:
        for key in ("ada", "nobody", *(f"eve-{number}" for number in range(12))):
            _finished(server, worker, key)
        wait_until(lambda: (bool(server.get("/incident", processDefinitionKeyIn="l-score")), None), "the incident")
        worker.stop()
    (log,) = server.get("/history/external-task-log", processInstanceId=ada.id, successLog="true")
    found = ended(server, "ada")
    assert (found["score"], found["key"]) == (3, f"{log['externalTaskId']}:1")
    assert ended(server, "nobody")["why"] == "there is no such customer"
    (incident,) = server.get("/incident", processDefinitionKeyIn="l-score")
    assert incident["incidentMessage"] == "function score failed: ZeroDivisionError"
    assert 1 < functions.http.get("/").json()["most"] <= 3


def test_throttling_parks(server: Server, client: Client, functions: Service, tmp_path: Path) -> None:
    file = tmp_path / "workers.toml"
    file.write_text(_aws(functions.url) + TOPIC.format(topic="l-throttled"))
    _deploy(client, "l-throttled")
    functions.http.post("/throttle", json=4)
    for number in range(6):
        client.start("l-throttled", {"name": "Ada"}, business_key=f"t-{number}")
    with Generic(server, file, **KEYS) as worker:
        for number in range(6):
            _finished(server, worker, f"t-{number}")
        worker.stop()
        assert "endpoint f is open" in worker.log and "TooManyRequestsException" in worker.log
    assert server.get("/incident/count", processDefinitionKeyIn="l-throttled")["count"] == 0


def test_a_function_that_is_not_there_is_an_incident(
    server: Server, client: Client, functions: Service, tmp_path: Path
) -> None:
    file = tmp_path / "workers.toml"
    text = _aws(functions.url) + TOPIC.format(topic="l-missing")
    file.write_text(text.replace('function = "score"', 'function = "typo"'))
    _deploy(client, "l-missing")
    client.start("l-missing", {"name": "Ada"})
    with Generic(server, file, **KEYS) as worker:
        wait_until(lambda: (bool(server.get("/incident", processDefinitionKeyIn="l-missing")), None), "the incident")
        worker.stop()
    (incident,) = server.get("/incident", processDefinitionKeyIn="l-missing")
    assert incident["incidentMessage"] == "function typo was refused by AWS: ResourceNotFoundException (404)"


FUNCTIONS = """
class Declined(Exception):
    pass


def score(event, context):
    if event["name"] == "Nobody":
        raise Declined("there is no such customer")
    assert 0 < context.get_remaining_time_in_millis() <= 30_000
    return {"score": len(event["name"]), "key": context.client_context.custom["Idempotency-Key"]}
"""


def test_a_function_of_a_file(server: Server, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "workers.toml"
    file.write_text('[endpoint.f]\nkind = "local"\nmodule = "scoring.py"\n' + TOPIC.format(topic="l-local"))
    (tmp_path / "scoring.py").write_text(FUNCTIONS)
    _deploy(client, "l-local")
    client.start("l-local", {"name": "Ada"}, business_key="local-ada")
    client.start("l-local", {"name": "Nobody"}, business_key="local-nobody")
    with Generic(server, file) as worker:
        _finished(server, worker, "local-ada")
        _finished(server, worker, "local-nobody")
        worker.stop()
    assert ended(server, "local-ada")["score"] == 3
    assert ended(server, "local-nobody")["why"] == "there is no such customer"


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[str]:
    """The address of a moto server, whose functions answer with what they are given."""
    program = next((path for path in (MOTO, MOTO_OF_ITS_OWN) if path.is_file()), None)
    if program is None:
        pytest.skip("NO MOTO SERVER: `make test` installs one; PENSTOCK_MOTO says where another is")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Running([str(program), "-H", "127.0.0.1", "-p", str(port)], tmp_path / "moto.log") as running:

        def configured() -> tuple[bool, object]:
            try:
                body = {"lambda": {"use_docker": False}}
                return httpx.post(f"{url}/moto-api/config", json=body, timeout=5).is_success, None
            except httpx.TransportError:
                return False, running.process.poll()

        wait_until(configured, "moto", 90)
        yield url


def test_what_moto_takes_for_lambda(server: Server, client: Client, moto: str, tmp_path: Path) -> None:
    file = tmp_path / "workers.toml"
    text = _aws(moto) + TOPIC.format(topic="l-moto")
    file.write_text(text.replace("body.score", "body.name"))
    _deploy(client, "l-moto")
    client.start("l-moto", {"name": "Ada"}, business_key="moto")
    with Generic(server, file, **KEYS) as worker:
        _finished(server, worker, "moto")
        worker.stop()
    assert ended(server, "moto")["score"] == "Ada"
