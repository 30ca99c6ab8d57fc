"""An outage of what a worker calls: tasks wait on the server with all their retries, and come back gradually."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from patterns_support import Generic, Service
from worker_models import one_task

from penstock.worker import Client
from support.processes import Server, wait_until

TASKS = 150
CONFIG = """
[endpoint.e]
url = "{url}"
breaker = {{ failures = 3, pause = "PT0.4S", pause_most = "PT1S" }}

[topic.{topic}]
endpoint = "e"
path = "/do/{{n}}"
retries = {{ count = 3, first = "PT0.2S", most = "PT0.2S" }}
"""


def _start(client: Client, key: str, count: int) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: client.start(key, {"n": n}), range(count)))


def _left(server: Server, topic: str) -> list[int | None]:
    return [row["retries"] for row in server.get("/external-task", topicName=topic, maxResults=1_000)]


def test_an_outage_costs_no_retries(server: Server, client: Client, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "workers.toml"
    file.write_text(CONFIG.format(url=service.url, topic="outage"))
    client.deploy("o", resources={"o.bpmn": one_task("o", "outage")})
    service.be(status=503)
    _start(client, "o", TASKS)
    with Generic(server, file) as worker:
        wait_until(lambda: (worker.log.count("is probing") >= 3, worker.log[-500:]), "several probes")
        asked = len(service.asked("/do/"))
        assert asked < 60, "what is out of order is left alone"
        burnt = Counter(_left(server, "outage"))
        assert sum(burnt.values()) == TASKS
        # Those before it opened, and nobody after it.
        assert burnt[2] <= 2 and not burnt[1] and not burnt[0], burnt
        service.be()
        wait_until(lambda: (not (left := _left(server, "outage")), len(left)), "the rest", 60)
        worker.stop()
    assert "is releasing" in worker.log and "is closed" in worker.log
    done = Counter(entry["path"] for entry in service.asked("/do/") if entry["status"] == 200)
    assert len(done) == TASKS and set(done.values()) == {1}, "once each"
    assert server.get("/incident/count", processDefinitionKeyIn="o")["count"] == 0


def test_one_task_that_always_fails_does_not_keep_the_others_from_theirs(
    server: Server, client: Client, service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "workers.toml"
    file.write_text(
        CONFIG.format(url=service.url, topic="poisoned").replace(
            '"PT0.4S", pause_most = "PT1S"', '"PT0.1S", pause_most = "PT0.2S"'
        )
    )
    client.deploy("q", resources={"q.bpmn": one_task("q", "poisoned")})
    service.be(status=500)
    _start(client, "q", 20)
    with Generic(server, file) as worker:
        wait_until(lambda: ("is open" in worker.log, worker.log[-500:]), "the outage")
        service.be(status=500, only="/do/0")
        wait_until(lambda: (len(left := _left(server, "poisoned")) <= 1, left), "the others", 60)

        def failed() -> tuple[bool, object]:
            # What others find shows that it is not the service: then it takes its retries like any other.
            client.start("q", {"n": 99})
            return server.get("/incident/count", processDefinitionKeyIn="q")["count"] == 1, worker.log[-500:]

        wait_until(failed, "its incident")
        worker.stop()


def test_an_endpoint_that_is_gone_is_left_alone_while_another_works(
    server: Server, client: Client, service: Service, tmp_path: Path
) -> None:
    gone = CONFIG.format(url="http://127.0.0.1:1", topic="gone")
    here = CONFIG.format(url=service.url, topic="here").replace("endpoint.e]", "endpoint.f]").replace('"e"', '"f"')
    file = tmp_path / "workers.toml"
    file.write_text(gone + here)
    client.deploy("gone", resources={"gone.bpmn": one_task("gone", "gone"), "here.bpmn": one_task("here", "here")})
    with Generic(server, file) as worker:
        _start(client, "gone", 10)
        wait_until(lambda: ("endpoint e is open" in worker.log, worker.log[-500:]), "the outage")
        _start(client, "here", 30)
        wait_until(lambda: (not (left := _left(server, "here")), left), "the other topic", 20)
        worker.stop()
    held = [row for row in server.get("/external-task", topicName="gone") if row["workerId"] and row["retries"] is None]
    assert held == [], "nothing stays locked"
    assert min(retries or 3 for retries in _left(server, "gone")) >= 2
