"""`penstock worker run`: what it says when there is nothing to run."""

from pathlib import Path

import httpx
import pytest

from cli.running import MODEL, Up, penstock

WORKER = """
from penstock.worker import Worker

worker = Worker("http://127.0.0.1:1/engine-rest", long_poll_ms=500)
empty = Worker("http://127.0.0.1:1/engine-rest")
something = 3

@worker.task("shipping")
def ship():
    print("shipped", flush=True)
    worker.stop()
    return {"shipped": True}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a module `workers`."""
    (tmp_path / "workers.py").write_text(WORKER)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["workers"], "'workers' names no worker: write MODULE:NAME, such as workers:worker"),
        (["nothing:worker"], "there is no module nothing"),
        (["nothing.py:worker"], "there is no file nothing.py"),
        (["workers:something"], "workers has no Worker 'something'"),
        (["workers:missing"], "workers has no Worker 'missing'"),
        (["workers:empty"], "the worker has no topic"),
        (["workers:worker", "--url", "localhost:1"], "no address of a server"),
        (["workers:worker", "--log-level", "loud"], "'loud' is no level of logging"),
    ],
)
def test_mistakes_are_one_clear_line(folder: Path, arguments: list[str], message: str) -> None:
    done = penstock("worker", "run", *arguments, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("place", ["workers:worker", "workers.py:worker"])
def test_it_works_where_it_is_told(server: Up, folder: Path, place: str) -> None:
    (server.folder / "order.bpmn").write_text(MODEL)
    assert server.run("deploy", "order.bpmn").returncode == 0
    assert server.run("start", "order").returncode == 0
    done = penstock("worker", "run", place, "--url", server.url, cwd=folder)
    assert (done.returncode, done.stdout) == (0, "shipped\n"), done.stderr
    assert httpx.get(f"{server.url}/engine-rest/process-instance/count").json() == {"count": 0}
