"""What docs/howto/worker.md shows, run against a server."""

import contextlib
import io
import re
import sys
from pathlib import Path

import pytest

from support.processes import Running, Server, wait_until

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "howto" / "worker.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
HERE = "http://127.0.0.1:8080"

MODEL = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="urn:penstock:tests">
  <message id="M" name="PaymentReceived"/>
  <process id="order" isExecutable="true" camunda:historyTimeToLive="P1D">
    <startEvent id="start"/><sequenceFlow id="a" sourceRef="start" targetRef="paid"/>
    <intermediateCatchEvent id="paid"><messageEventDefinition messageRef="M"/></intermediateCatchEvent>
    <sequenceFlow id="b" sourceRef="paid" targetRef="charge"/>
    <serviceTask id="charge" camunda:type="external" camunda:topic="charge-card"/>
    <sequenceFlow id="c" sourceRef="charge" targetRef="end"/><endEvent id="end"/>
  </process>
</definitions>"""


@pytest.mark.parametrize("command", ["program", "penstock worker run"])
def test_the_page_as_it_stands(tmp_path: Path, command: str) -> None:
    worker, client = SNIPPETS
    assert f"penstock worker run workers.py:worker --url {HERE}" in PAGE
    with Server("memory://", tmp_path) as server:
        (tmp_path / "order.bpmn").write_text(MODEL)
        server.deploy(tmp_path / "order.bpmn")
        (tmp_path / "workers.py").write_text(worker.replace(HERE, server.url))
        penstock = str(Path(sys.executable).with_name("penstock"))
        typed = [penstock, "worker", "run", "workers.py:worker", "--url", server.url]
        typed = [sys.executable, "workers.py"] if command == "program" else typed
        with Running(typed, tmp_path / "worker.log", folder=tmp_path) as running:
            with contextlib.redirect_stdout(io.StringIO()) as said:
                exec(compile(client.replace(HERE, server.url), "client", "exec"), {})
            assert said.getvalue() == "{'order_id': 'order-1'} ()\n"
            ended = "/history/process-instance/count"
            wait_until(lambda: (server.get(ended, finished="true")["count"] == 1, None), "the end of the order")
            running.stop()
        variables = {row["name"]: row["value"] for row in server.get("/history/variable-instance")}
        assert variables == {"order_id": "order-1", "amount": 12, "paid": True}
