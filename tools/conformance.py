"""`make conformance`: compares a server of this checkout with what was recorded from a real Camunda 7.24.

The recordings and the two programs that replay them are not part of this repository: `PENSTOCK_SHARED` names the folder
that holds them, below `conformance`. `ONLY` is a regular expression for the names of cases and scenarios. The traces run on
memory, SQLite and PostgreSQL; `STORES=memory,sqlite` takes some of them. Ends with 1 when fewer traces are equal than have
been, on any store; with `ONLY` nothing is demanded.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.bench.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent
PENSTOCK = Path(sys.executable).with_name("penstock")
READY_TIMEOUT_S = 60.0
STORES = ("memory", "sqlite", "postgresql")
EQUAL_MIN = 2361
"""How many traces have to be equal on each store; those that are not are in docs/reference/deviations.md, by name."""


def main() -> None:
    """Traces on each store, then REST scenarios, each with a server of its own; the reports stay in `.penstock/conformance`."""
    recorded = Path(os.environ.get("PENSTOCK_SHARED", ROOT.parent / "shared")).resolve() / "conformance"
    if not (recorded / "drive.py").is_file():
        sys.exit(f"There are no recordings in {recorded}: PENSTOCK_SHARED=FOLDER make conformance")
    reports = ROOT / ".penstock" / "conformance"
    reports.mkdir(parents=True, exist_ok=True)
    only = ["--only", os.environ["ONLY"]] if os.environ.get("ONLY") else []
    wanted = os.environ.get("STORES", ",".join(STORES)).split(",")
    if unknown := set(wanted) - set(STORES):
        sys.exit(f"STORES: {', '.join(sorted(unknown))} is none of {', '.join(STORES)}")
    counts = {kind: traces(kind, recorded, reports, only) for kind in wanted}
    rest = recorded / "rest"
    with server("memory://", reports / "rest-server.log") as url:
        golden = ["--golden", rest / "golden.json", "--report", reports / "rest.md"]
        run("REST scenarios", rest / "rest_diff.py", "compare", "--base-url", url, *golden, *only)
    print(f"\nReports: {reports.relative_to(ROOT)}")
    summary(counts, demanded=not only)


def traces(kind: str, recorded: Path, reports: Path, only: list[str]) -> tuple[int, int]:
    """(equal, all) traces on one kind of store."""
    mine, report = reports / f"traces-{kind}.json", reports / f"traces-report-{kind}.json"
    drive, camunda = recorded / "drive.py", recorded / "camunda7"
    with store(kind) as where, server(where, reports / f"server-{kind}.log") as url:
        cases = ["--cases", camunda / "cases.json", "--root", camunda, "--out", mine]
        run(f"traces on {kind}: running", drive, "run", "--base-url", url, *cases, *only)
    compared = [drive, "compare", camunda / "golden", mine, "--json", report, *only]
    run(f"traces on {kind}: comparing", *compared)
    totals = json.loads(report.read_text())["totals"].values()
    return sum(total[2] for total in totals), sum(total[3] for total in totals)


def summary(counts: dict[str, tuple[int, int]], *, demanded: bool) -> None:
    """Prints how many traces are equal on each store. Ends the program when that is too few somewhere."""
    print()
    for kind, (equal, all_) in counts.items():
        print(f"{kind:12}{equal:6} of {all_} traces equal{f' ({equal / all_:.1%})' if all_ else ''}")
    fewer = [kind for kind, (equal, _) in counts.items() if equal < EQUAL_MIN]
    if demanded and fewer:
        sys.exit(f"Fewer than {EQUAL_MIN} traces are equal on {', '.join(fewer)}")


@contextmanager
def store(kind: str) -> Iterator[str]:
    """The address of an empty store."""
    if kind == "memory":
        yield "memory://"
    elif kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="penstock-conformance-") as folder:
            yield f"sqlite:///{folder}/penstock.db"
    else:
        with Postgres() as postgres:
            yield postgres.url()


def run(what: str, *command: object) -> None:
    """Runs one of the two programs; that not everything is equal is its finding and no failure of ours."""
    print(f"\n--- {what}", flush=True)
    began = time.monotonic()
    status = subprocess.run([sys.executable, *map(str, command)], stdin=subprocess.DEVNULL, check=False).returncode
    print(f"({time.monotonic() - began:.0f} s)", flush=True)
    if status not in (0, 1):
        sys.exit(f"{what}: ended with {status}")


@contextmanager
def server(where: str, log: Path) -> Iterator[str]:
    """A server on the store `where`, set up as the recorded one was; its REST address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{probe.getsockname()[1]}"
    port = base.rpartition(":")[2]
    command = [str(PENSTOCK), "up", "--profile", "conformance", "--store", where, "--port", port]
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
