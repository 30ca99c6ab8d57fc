"""`kill -9` of a worker that takes its tasks from a broker."""

import asyncio
import os
import sys
from pathlib import Path

from penstock.testing.bus_control import BrokerControl
from support.processes import Running, Server, wait_until

MODEL = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t"><process id="p" isExecutable="true">
  <startEvent id="s"/><serviceTask id="w" camunda:type="external" camunda:topic="charge"/>
  <sequenceFlow id="f" sourceRef="s" targetRef="w"/></process></definitions>"""

WORKER = """
import time
from pathlib import Path
from penstock.worker import ExternalTask, Worker

worker = Worker("http://127.0.0.1:1/engine-rest")
attempts = Path(__file__).with_name("attempts")


@worker.task("charge")
def charge(task: ExternalTask) -> None:
    first = not attempts.exists()
    with attempts.open("a") as file:
        print(task.idempotency_key, file=file)
    if first:
        time.sleep(600)
"""


async def test_its_work_is_done_again_in_the_same_attempt(work_broker: BrokerControl, tmp_path: Path) -> None:
    await asyncio.to_thread(_story, work_broker.url, tmp_path)


def _story(url: str, folder: Path) -> None:
    config = folder / "penstock.toml"
    config.write_text(
        f'[connections.work]\nurl = "{url}"\n[topic.charge]\nconnection = "work"\n'
        'request = "killed.requests"\nreply = "killed.replies"\ntimeout = "PT10M"\n'
    )
    (folder / "worker.py").write_text(WORKER)
    (folder / "p.bpmn").write_text(MODEL)
    place = f"{folder}/worker.py:worker"
    command = [str(Path(sys.executable).with_name("penstock")), "worker", "run", place, "--config", str(config)]
    attempts = folder / "attempts"
    with Server(f"sqlite:///{folder}/p.db", folder, "--config", str(config)) as server:
        server.deploy(folder / "p.bpmn")
        server.post("/process-definition/key/p/start", {})
        with Running(command, folder / "worker.log", dict(os.environ)) as worker:
            wait_until(lambda: (attempts.exists(), "nothing"), "the work begins")
            worker.kill()
            worker.start()
            ended = {"finished": "true"}
            wait_until(lambda: ((found := server.get("/history/process-instance", **ended)) != [], found), "it is done")
            worker.stop()
        (one, other) = attempts.read_text().split()
        assert one == other
        assert not server.get("/history/external-task-log", failureLog="true")
