"""What docs/howto/first-steps.md tells people to do, done."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx

from support.processes import Running, Server, wait_until

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "howto" / "first-steps.md").read_text(encoding="utf-8")


def test_first_steps(tmp_path: Path, node: str) -> None:
    (tmp_path / "greet.bpmn").write_text(_snippet("xml"), encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(ROOT / "examples" / "order" / "workers-js" / "node_modules")
    with Server(f"sqlite:///{tmp_path}/greet.db", tmp_path) as server:
        for command in _commands():
            _run(command, tmp_path, server)
        _run_curl(server)
        server.kill()
        server.start()
        (tmp_path / "worker.mjs").write_text(_snippet("javascript").replace("http://127.0.0.1:8080", server.url))
        with Running([node, "worker.mjs"], tmp_path / "worker.log", folder=tmp_path):
            wait_until(lambda: _ended(server), "the worker greets everybody")
        greetings = server.get("/history/variable-instance", variableName="greeting")
        assert {variable["value"] for variable in greetings} == {"Hello, Ada!", "Hello, Grace!", "Hello, Alan!"}
        server.stop()


def _snippet(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def _commands() -> list[list[str]]:
    lines = [shlex.split(line) for line in PAGE.splitlines() if line.startswith("penstock ")]
    found = [words[1:] for words in lines if words[1] in ("deploy", "start", "list")]
    assert len(found) == 5
    return found


def _run(command: list[str], folder: Path, server: Server) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("penstock")), *command],
        cwd=folder,
        env={**os.environ, "PENSTOCK_URL": server.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _run_curl(server: Server) -> None:
    """The request of the page, with another client: curl need not be here."""
    (line,) = re.findall(r"^curl -X POST .*?(?=^```)", PAGE, re.MULTILINE | re.DOTALL)
    words = shlex.split(line.replace("\\\n", " "))
    url = words[3].replace("http://127.0.0.1:8080", server.url)
    header = words[words.index("-H") + 1].partition(": ")
    answer = httpx.post(url, content=words[words.index("-d") + 1], headers={header[0]: header[2]}, timeout=60)
    assert answer.status_code == 200, answer.text


def _ended(server: Server) -> tuple[bool, int]:
    count = server.get("/history/process-instance/count", finished="true")["count"]
    return count == 3, count
