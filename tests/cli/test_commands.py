import json
import re
from pathlib import Path

import pytest

from cli.running import MODEL, Up, penstock

USER_TASK = MODEL.replace('id="order"', 'id="approval"').replace(
    '<bpmn:serviceTask id="ship" camunda:type="external" camunda:topic="shipping" />', '<bpmn:userTask id="ship" />'
)


@pytest.fixture(autouse=True, scope="module")
def _deployed(server: Up) -> None:
    (server.folder / "order.bpmn").write_text(MODEL)
    (server.folder / "approval.bpmn").write_text(USER_TASK)
    done = server.run("deploy", "order.bpmn", "approval.bpmn", "--name", "both")
    assert done.returncode == 0, done.stderr
    assert "order:1:" in done.stdout
    assert "approval:1:" in done.stdout


def test_deploying_the_same_again_changes_nothing(server: Up) -> None:
    done = server.run("deploy", "order.bpmn", "approval.bpmn", "--name", "both")
    assert done.returncode == 0
    assert done.stdout.startswith("Nothing has changed")


def test_a_broken_model_is_refused_with_its_place(server: Up) -> None:
    (server.folder / "broken.bpmn").write_text(MODEL.replace('targetRef="end"', 'targetRef="nowhere"'))
    done = server.run("deploy", "broken.bpmn")
    assert done.returncode == 1
    file, line, column, text = done.stderr.strip().splitlines()[0].split(":", 3)
    assert (file, line.isdigit(), column.isdigit()) == ("broken.bpmn", True, True)
    assert "nowhere" in text


def test_what_is_deployed_and_cannot_run_is_said(server: Up) -> None:
    model = MODEL.replace('id="order"', 'id="java"').replace(
        'camunda:type="external" camunda:topic="shipping"', 'camunda:class="org.example.Größe"'
    )
    (server.folder / "java.bpmn").write_text(model)
    done = server.run("deploy", "java.bpmn")
    assert done.returncode == 0
    file, line, _, text = done.stderr.strip().splitlines()[0].split(":", 3)
    assert (file, line.isdigit()) == ("java.bpmn", True)
    assert text.startswith(" warning: ")
    assert "org.example.Größe" in text


def test_a_missing_file_is_said(server: Up) -> None:
    done = server.run("deploy", "nothing.bpmn")
    assert (done.returncode, done.stderr) == (1, "penstock: cannot read nothing.bpmn: No such file or directory\n")


def test_start_and_get(server: Up) -> None:
    done = server.run("start", "order", "--var", "amount=7", "--business-key", "b-1", "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["businessKey"] == "b-1"
    shown = json.loads(server.run("get", "instance", made["id"], "--json").stdout)
    assert shown["variables"] == {"amount": 7}
    assert "b-1" in server.run("get", "instances", made["id"]).stdout


def test_unknown_things_are_refused_in_the_servers_words(server: Up) -> None:
    done = server.run("start", "nothing")
    assert done.returncode == 1
    assert "nothing" in done.stderr
    assert server.run("get", "instance", "nothing").returncode == 1
    assert server.run("list", "things").returncode == 2
    assert server.run("start", "order", "--var", "x").returncode == 2


def test_a_user_task_from_start_to_end(server: Up) -> None:
    made = json.loads(server.run("start", "approval", "--json").stdout)["id"]
    (task,) = json.loads(server.run("list", "tasks", "--where", f"processInstanceId={made}", "--json").stdout)
    assert server.run("complete", task["id"], "--var", "approved=true").returncode == 0
    shown = json.loads(server.run("get", "instance", made, "--json").stdout)
    assert (shown["state"], shown["variables"]) == ("COMPLETED", {"approved": True})


@pytest.mark.parametrize(
    "kind", ["instances", "definitions", "deployments", "tasks", "external-tasks", "jobs", "incidents"]
)
def test_every_kind_is_listed(server: Up, kind: str) -> None:
    done = server.run("list", kind)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(server.run("list", kind, "--json").stdout), list)


def test_the_list_says_that_there_is_more(server: Up) -> None:
    done = server.run("list", "definitions", "--limit", "1")
    assert re.match(r"1 of [23] definitions are shown", done.stderr)


def test_messages_and_signals(server: Up) -> None:
    done = server.run("message", "nobody-waits")
    assert done.returncode == 1
    assert "nobody-waits" in done.stderr
    assert server.run("signal", "nobody-listens").returncode == 0


def give_up(server: Up, error: str, count: int = 1) -> None:
    """Orders whose task a worker gives up."""
    for _ in range(count):
        server.rest("POST", "/process-definition/key/order/start", json={"businessKey": error})
    topic = {"topicName": "shipping", "lockDuration": 10_000, "businessKey": error}
    body = {"workerId": "w", "maxTasks": count, "topics": [topic]}
    tasks = server.rest("POST", "/external-task/fetchAndLock", json=body).json()
    assert len(tasks) == count
    for task in tasks:
        failure = {"workerId": "w", "errorMessage": error, "retries": 0}
        assert server.rest("POST", f"/external-task/{task['id']}/failure", json=failure).status_code == 204


def test_failed_tasks_are_tried_again(server: Up) -> None:
    give_up(server, "carrier is down")
    give_up(server, "address unknown")
    before = json.loads(server.run("incidents", "--json").stdout)
    assert {"carrier is down", "address unknown"} <= {incident["incidentMessage"] for incident in before}

    conditions = ("--where", "topic=shipping", "--where", "definition=order", "--where", "error~CARRIER")
    dry = server.run("retry", *conditions, "--dry-run")
    assert re.search(r"1 +failedExternalTask +shipping +order:\d+ +ship +carrier is down", dry.stdout)
    assert "1 would be tried again, 1 time each." in dry.stdout
    (group,) = json.loads(server.run("retry", *conditions, "--dry-run", "--json").stdout)["groups"]
    assert json.loads(server.run("incidents", "--json").stdout) == before

    done = json.loads(server.run("retry", *conditions, "--retries", "2", "--rate", "100", "--json").stdout)
    assert (done["state"], done["retried"], done["ratePerSecond"]) == ("completed", 1, 100)
    left = json.loads(server.run("incidents", "--json").stdout)
    messages = {incident["incidentMessage"] for incident in left}
    assert "address unknown" in messages
    assert "carrier is down" not in messages
    task = server.rest("GET", f"/external-task/{group['examples'][0]['id']}").json()
    assert task["retries"] == 2
    assert done["id"] in server.run("reprocessing", "list").stdout

    assert "Nothing that has failed fits" in server.run("retry", *conditions).stdout
    since = ("--where", "after=2026-01-01T00:00:00Z", "--where", "error~unknown")
    assert "1 of 1 are tried again, 1 time each." in server.run("retry", *since).stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "say what"),
        (("--where", "colour=red"), "'colour=red' is no condition"),
        (("--where", "error=down"), "write error~TEXT"),
        (("--where", "topic=a", "--where", "topic=b"), "second condition of its kind"),
        (("--where", "definition=a", "--where", "version=x"), "a version is a number"),
    ],
)
def test_a_retry_without_sense_is_refused(server: Up, arguments: tuple[str, ...], why: str) -> None:
    done = server.run("retry", *arguments)
    assert done.returncode == 2
    assert why in done.stderr


def test_what_the_server_refuses_of_a_retry_is_said(server: Up) -> None:
    done = server.run("retry", "--where", "after=yesterday")
    assert done.returncode == 1
    assert "createdAfter is 'yesterday': write a moment with its zone" in done.stderr
    assert "There is no run 'nothing'" in server.run("reprocessing", "show", "nothing").stderr


def test_a_slow_run_is_left_paused_and_canceled(server: Up) -> None:
    give_up(server, "slow", 3)
    order = ("retry", "--where", "error~slow", "--rate", "0.01", "--detach", "--json")
    run = json.loads(server.run(*order).stdout)
    assert (run["state"], run["total"]) == ("running", 3)
    for verb, state in (("pause", "paused"), ("resume", "running"), ("pause", "paused")):
        assert json.loads(server.run("reprocessing", verb, run["id"], "--json").stdout)["state"] == state
    shown = server.run("reprocessing", "show", run["id"], "--wait")
    assert shown.returncode == 1
    assert "paused" in shown.stdout
    assert json.loads(server.run("reprocessing", "cancel", run["id"], "--json").stdout)["state"] == "canceled"
    assert server.run("reprocessing", "cancel", run["id"]).returncode == 1


@pytest.mark.parametrize(
    ("url", "why", "code"),
    [
        ("http://127.0.0.1:1", "no server answers at http://127.0.0.1:1", 1),
        ("127.0.0.1", "is no address of a server", 2),
    ],
)
def test_a_server_out_of_reach_is_said(tmp_path: Path, url: str, why: str, code: int) -> None:
    done = penstock("list", "tasks", "--url", url, cwd=tmp_path)
    assert done.returncode == code
    assert why in done.stderr
    assert "Traceback" not in done.stderr
