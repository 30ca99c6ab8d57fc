"""`make conformance`: compares a server of this checkout with what was recorded from a real Camunda 7.24.

The recordings and the two programs that replay them are not part of this repository: `PENSTOCK_SHARED` names the folder
that holds them, below `conformance`. `ONLY` is a regular expression for the names of cases and scenarios.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PENSTOCK = Path(sys.executable).with_name("penstock")
READY_TIMEOUT_S = 60.0


def main() -> None:
    """Traces first, then REST scenarios, each with a server of its own; the reports stay in `.penstock/conformance`."""
    recorded = Path(os.environ.get("PENSTOCK_SHARED", ROOT.parent / "shared")).resolve() / "conformance"
    if not (recorded / "drive.py").is_file():
        sys.exit(f"There are no recordings in {recorded}: PENSTOCK_SHARED=FOLDER make conformance")
    reports = ROOT / ".penstock" / "conformance"
    reports.mkdir(parents=True, exist_ok=True)
    only = ["--only", os.environ["ONLY"]] if os.environ.get("ONLY") else []
    mine, drive, camunda = reports / "traces.json", recorded / "drive.py", recorded / "camunda7"
    with server(reports / "server.log") as url:
        cases = ["--cases", camunda / "cases.json", "--root", camunda, "--out", mine]
        run("traces: running", drive, "run", "--base-url", url, *cases, *only)
    run(
        "traces: comparing", drive, "compare", camunda / "golden", mine, "--json", reports / "traces-report.json", *only
    )
    rest = recorded / "rest"
    with server(reports / "rest-server.log") as url:
        golden = ["--golden", rest / "golden.json", "--report", reports / "rest.md"]
        run("REST scenarios", rest / "rest_diff.py", "compare", "--base-url", url, *golden, *only)
    print(f"\nReports: {reports.relative_to(ROOT)}")


def run(what: str, *command: object) -> None:
    """Runs one of the two programs; that not everything is equal is its finding and no failure of ours."""
    print(f"\n--- {what}", flush=True)
    began = time.monotonic()
    status = subprocess.run([sys.executable, *map(str, command)], stdin=subprocess.DEVNULL, check=False).returncode
    print(f"({time.monotonic() - began:.0f} s)", flush=True)
    if status not in (0, 1):
        sys.exit(f"{what}: ended with {status}")


@contextmanager
def server(log: Path) -> Iterator[str]:
    """An empty server in memory, set up as the recorded one was; its REST address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{probe.getsockname()[1]}"
    port = base.rpartition(":")[2]
    command = [PENSTOCK, "up", "--profile", "conformance", "--store", "memory://", "--port", port]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait(base, process, log)
        yield f"{base}/engine-rest"
    finally:
        process.terminate()
        process.wait()


def _wait(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            with urllib.request.urlopen(f"{base}/ready", timeout=2):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"The server is not ready: {log}")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
