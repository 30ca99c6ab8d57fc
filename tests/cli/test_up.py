import json
import os
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from cli.running import MODEL, Up, penstock
from penstock.bench import machine

FILES = {"file": ("order.bpmn", MODEL.encode(), "application/xml")}


def _refused(folder: Path, *arguments: str, **more: str) -> str:
    """What `up` says when it refuses: one line, no traceback."""
    done = penstock("up", *arguments, cwd=folder, **more)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line and not line.startswith(("Usage:", "Try "))]
    assert len(said) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--port", "70000"), "65535"),
        (("--store", "mysql://x"), "there is no store for"),
        (("--store", "sqlite://"), "names no file"),
        (("--store", "sqlite:////nowhere/at/all.db"), "nowhere"),
        (("--processes", "2"), "--processes 2 needs PostgreSQL"),
        (("--processes", "2", "--store", "memory://"), "--processes 2 needs PostgreSQL"),
        (("--profile", "fast"), "there is no profile"),
        (("--log-format", "xml"), "there is no log format"),
        (("--config", "nothing.toml"), "nothing.toml"),
        (("--host", "no.such.host.invalid"), "is no address of this machine"),
        (("--store", "postgresql://127.0.0.1:1/x"), "127.0.0.1"),
    ],
)
def test_bad_options_are_refused_in_a_line(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    assert why in _refused(tmp_path, "--port", "0", *arguments)


def test_unknown_keys_of_the_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text("[server]\nprot = 1\n")
    assert "server.prot" in _refused(tmp_path)


def test_the_file_is_a_default_and_the_environment_goes_before_it(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text('[server]\nstore = "nonsense://file"\n')
    assert "nonsense://file" in _refused(tmp_path, "--port", "0")
    assert "nonsense://env" in _refused(tmp_path, "--port", "0", PENSTOCK_STORE="nonsense://env")
    assert "nonsense://option" in _refused(
        tmp_path, "--port", "0", "--store", "nonsense://option", PENSTOCK_STORE="nonsense://env"
    )


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} on 127.0.0.1 is taken" in _refused(tmp_path, "--port", str(port))


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    with Up(tmp_path) as first:
        assert first.rest("POST", "/deployment/create", files=FILES).status_code == 200
        made = first.rest("POST", "/process-definition/key/order/start", json={}).json()["id"]
        assert "is in use by another server" in _refused(tmp_path, "--port", "0")
        first.kill()
    with Up(tmp_path) as second:
        body = {"workerId": "w", "maxTasks": 5, "topics": [{"topicName": "shipping", "lockDuration": 10_000}]}
        tasks = second.rest("POST", "/external-task/fetchAndLock", json=body).json()
        assert [task["processInstanceId"] for task in tasks] == [made]
        assert second.terminate() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_drain(tmp_path: Path, number: int) -> None:
    """A worker that waits is answered with nothing, and the server ends with 0 long before the worker's time is up."""
    with Up(tmp_path, "--store", "memory://") as up:
        host, port = up.url.removeprefix("http://").split(":")
        body = {
            "workerId": "w",
            "maxTasks": 1,
            "asyncResponseTimeout": 60_000,
            "topics": [{"topicName": "t", "lockDuration": 1_000}],
        }
        content = json.dumps(body).encode()
        with socket.create_connection((host, int(port)), timeout=30) as worker:
            worker.sendall(
                b"POST /engine-rest/external-task/fetchAndLock HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                + f"Content-Length: {len(content)}\r\n\r\n".encode()
                + content
            )
            while httpx.get(f"{up.url}/metrics").text.find("penstock_workers_waiting 1") < 0:
                time.sleep(0.01)
            os.kill(up.process.pid, number)
            answer = b""
            while chunk := worker.recv(4_096):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"[]")
        assert up.process.wait(30) == 0
        assert "Traceback" not in up.said()


def test_logs_and_the_announcement_as_json(tmp_path: Path) -> None:
    with Up(tmp_path, "--store", "memory://", "--log-format", "json") as up:
        assert up.terminate() == 0
        lines = [json.loads(line) for line in up.said().splitlines()]
    assert [line["event"] for line in lines] == ["ready", "stopped"]
    assert lines[0]["address"] == up.url


def test_answers_do_not_name_the_server(tmp_path: Path) -> None:
    with Up(tmp_path, "--store", "memory://") as up:
        assert "server" not in up.rest("GET", "/version").headers


def test_several_processes_share_a_port(tmp_path: Path, postgres_url: str) -> None:
    with Up(tmp_path, "--store", postgres_url, "--processes", "2") as up:
        assert "2 processes" in up.said()
        assert up.rest("POST", "/deployment/create", files=FILES).status_code == 200
        nodes = set()
        end = time.monotonic() + 20
        while len(nodes) < 2 and time.monotonic() < end:
            nodes.add(httpx.get(f"{up.url}/health").json()["node"])
            assert up.rest("POST", "/process-definition/key/order/start", json={}).status_code == 200
        assert len(nodes) == 2
        assert up.terminate() == 0


@pytest.mark.skipif(not machine.has_proc(), reason="this machine has no /proc")
def test_a_process_that_dies_is_replaced_and_none_outlives_the_parent(tmp_path: Path, postgres_url: str) -> None:
    with Up(tmp_path, "--store", postgres_url, "--processes", "2", PENSTOCK_PROJECTOR_PROCESS="false") as up:
        _, *children = machine.tree(up.process.pid)
        assert len(children) == 2
        os.kill(children[0], signal.SIGKILL)
        end = time.monotonic() + 30
        while len(now := set(machine.tree(up.process.pid)) - {up.process.pid, children[0]}) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert children[1] in now
        assert "a process has died" in up.said()
        assert httpx.get(f"{up.url}/ready", timeout=30).status_code == 200
        up.kill()
        while any(Path(f"/proc/{pid}").exists() for pid in now):
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.mark.skipif(not machine.has_proc(), reason="this machine has no /proc")
def test_the_views_go_on_without_their_process_until_there_is_a_new_one(tmp_path: Path, postgres_url: str) -> None:
    with Up(tmp_path, "--store", postgres_url) as up:
        up.rest("POST", "/deployment/create", files=FILES)
        _, first = machine.tree(up.process.pid)
        os.kill(first, signal.SIGKILL)
        for number in range(1, 4):
            assert up.rest("POST", "/process-definition/key/order/start", json={}).status_code == 200
            assert up.rest("GET", "/history/process-instance/count").json() == {"count": number}
        end = time.monotonic() + 30
        while len(now := machine.tree(up.process.pid)) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert now[1] != first
        up.kill()
        while Path(f"/proc/{now[1]}").exists():
            assert time.monotonic() < end
            time.sleep(0.05)


def test_the_address_shown_has_no_password(tmp_path: Path, postgres_url: str) -> None:
    with Up(tmp_path, "--store", postgres_url.replace("postgres@", "postgres:secret@")) as up:
        assert "secret" not in up.said()
        assert "postgres:***@" in up.said()


def test_rebuilding_the_views_keeps_what_they_show(tmp_path: Path) -> None:
    with Up(tmp_path) as first:
        first.rest("POST", "/deployment/create", files=FILES)
        first.rest("POST", "/process-definition/key/order/start", json={"businessKey": "b"})
        before = first.rest("GET", "/process-instance").json()
        assert len(before) == 1
        assert first.terminate() == 0
    done = penstock("db", "rebuild-views", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert penstock("db", "migrate", cwd=tmp_path).returncode == 0
    with Up(tmp_path) as second:
        for found, expected in zip(second.rest("GET", "/process-instance").json(), before, strict=True):
            assert {**found, "links": []} == {**expected, "links": []}
