"""A server watched from outside: its log as JSON, its spans on their way to a collector."""

import json
import socket
from pathlib import Path
from typing import Any

import httpx

from cli.running import MODEL, Up, penstock
from support.collector import Collector
from support.processes import two_free_ports

SECRET = "hunter2-in-a-variable"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

FAILING = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="urn:test">
  <process id="failing" isExecutable="true" camunda:historyTimeToLive="P1D">
    <startEvent id="start" /><sequenceFlow id="f1" sourceRef="start" targetRef="bad" />
    <serviceTask id="bad" camunda:asyncBefore="true" camunda:expression="${secret + 1}" />
    <sequenceFlow id="f2" sourceRef="bad" targetRef="end" /><endEvent id="end" />
  </process>
</definitions>
"""


def _deploy(up: Up, name: str, model: str) -> None:
    answer = up.rest("POST", "/deployment/create", files={name: (name, model.encode(), "text/xml")})
    assert answer.status_code == 200, answer.text


def _start(up: Up, key: str, **headers: str) -> str:
    body = {"businessKey": "b-1", "variables": {"secret": {"value": SECRET, "type": "String"}}}
    answer = up.rest("POST", f"/process-definition/key/{key}/start", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def _lines(up: Up) -> list[dict[str, Any]]:
    return [json.loads(line) for line in up.said().splitlines() if line.startswith("{")]


def test_the_log_names_what_happened_and_shows_no_values(tmp_path: Path) -> None:
    with Up(tmp_path, "--store", "memory://", "--log-format", "json", "--log-level", "debug") as up:
        _deploy(up, "order.bpmn", MODEL)
        _deploy(up, "failing.bpmn", FAILING)
        order = _start(up, "order")
        failing = _start(up, "failing")
        topic = {"topicName": "shipping", "lockDuration": 60_000}
        body = {"workerId": "w", "maxTasks": 1, "asyncResponseTimeout": 5_000, "topics": [topic]}
        (task,) = up.rest("POST", "/external-task/fetchAndLock", json=body).json()
        failure = {"workerId": "w", "errorMessage": SECRET, "errorDetails": SECRET, "retries": 0}
        assert up.rest("POST", f"/external-task/{task['id']}/failure", json=failure).status_code == 204
        up.rest("GET", "/history/variable-instance", params={"variableValue": SECRET})
        assert up.terminate() == 0
    lines = _lines(up)
    assert SECRET not in up.said()
    (ended,) = [line for line in lines if line["event"] == "external task failed"]
    assert ended["level"] == "warning"
    expected = {"external_task": task["id"], "instance": order, "activity": "ship", "topic": "shipping", "worker": "w"}
    assert expected.items() <= ended.items()
    failures = [line for line in lines if line["event"] == "job failed"]
    assert {(line["instance"], line["activity"], line["error"]) for line in failures} == {
        (failing, "bad", "ExpressionFailed")
    }
    assert [line["retries"] for line in failures] == [2, 1, 0]
    requests = [line for line in lines if line["event"] == "request"]
    routes = {(line["method"], line["route"], line["status"]) for line in requests}
    assert ("POST", "/engine-rest/process-definition/key/{key}/start", 200) in routes
    assert all("?" not in line["path"] for line in requests)
    units = {(line["command"], line.get("instance")) for line in lines if line["event"] == "unit committed"}
    assert {("StartInstance", order), ("FailExternalTask", order)} <= units


def test_spans_reach_the_collector_and_the_log_names_their_trace(tmp_path: Path, collector: Collector) -> None:
    store = f"sqlite:///{tmp_path}/traced.db"
    options = ("--store", store, "--log-format", "json", "--log-level", "debug")
    with Up(tmp_path, *options, PENSTOCK_TRACING="true", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as up:
        _deploy(up, "order.bpmn", MODEL)
        order = _start(up, "order", traceparent=CALLER)
        assert up.terminate() == 0
    sent = b"".join(collector.bodies)
    for text in ("StartInstance order", "penstock.instance.id", order, "service.name"):
        assert text.encode() in sent
    assert bytes.fromhex(CALLER.split("-")[1]) in sent
    assert SECRET.encode() not in sent
    (unit,) = [line for line in _lines(up) if line.get("command") == "StartInstance"]
    assert unit["trace_id"] == CALLER.split("-")[1]


def test_each_process_has_metrics_of_its_own(postgres_url: str, tmp_path: Path) -> None:
    first = two_free_ports()
    with Up(tmp_path, "--store", postgres_url, "--processes", "2", "--metrics-port", str(first)) as up:
        texts = [httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in (first, first + 1)]
        nodes = [next(line for line in text.splitlines() if line.startswith("penstock_info{")) for text in texts]
        assert nodes[0] != nodes[1]
        assert "penstock_info{" in httpx.get(f"{up.url}/metrics").text
        assert up.terminate() == 0


def test_a_port_for_metrics_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = penstock("up", "--port", "0", "--store", "memory://", "--metrics-port", port, cwd=tmp_path)
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in done.stderr
