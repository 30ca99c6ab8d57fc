"""Real services for workers that call some: processes on free ports."""

import sys
import time
from pathlib import Path
from typing import Any

import httpx

from penstock.bench.postgres import free_port
from support.processes import Running, Server

PENSTOCK = str(Path(sys.executable).with_name("penstock"))
HERE = Path(__file__).parent
READY_S = 60.0


class Service(Running):
    """A program of this folder that serves HTTP."""

    def __init__(self, program: str, folder: Path) -> None:
        port = free_port()
        super().__init__([sys.executable, str(HERE / program), str(port)], folder / f"{program}.log")
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=30)

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        super().start()
        end = time.monotonic() + READY_S
        while True:
            try:
                self.http.get("/log")
                return
            except httpx.TransportError:
                assert time.monotonic() < end and self.process.poll() is None, "the service does not start"
                time.sleep(0.02)

    def be(self, **mode: Any) -> None:
        """See `service`."""
        self.http.post("/mode", json=mode).raise_for_status()

    def asked(self, inside: str = "") -> list[dict[str, Any]]:
        """The requests whose path holds this, oldest first."""
        return [entry for entry in self.http.get("/log").json() if inside in entry["path"] and entry["path"] != "/log"]

    def __exit__(self, *error: Any) -> None:
        self.http.close()
        super().__exit__(*error)


class Generic(Running):
    """`penstock worker run FILE.toml` beside a server; `log` is what it said."""

    def __init__(self, server: Server, file: Path, **environment: str) -> None:
        self.log_file = file.with_suffix(".log")
        command = [PENSTOCK, "worker", "run", str(file), "--url", server.url, "--log-level", "debug"]
        super().__init__(command, self.log_file, environment, file.parent)

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")


def ended(server: Server, key: str) -> Any:
    """The variables of the instance with this business key once it has ended, else None."""
    rows = server.get("/history/process-instance", processInstanceBusinessKey=key, finished="true")
    if not rows:
        return None
    found = server.get("/history/variable-instance", processInstanceId=rows[0]["id"])
    return {row["name"]: row["value"] for row in found}
