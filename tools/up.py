"""`make up`: a server on SQLite with the order example deployed.

This process becomes the server, so that signals reach it directly; a helper waits until the server is ready, deploys,
has the first orders started, and says what to try.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PENSTOCK = Path(sys.executable).parent / "penstock"
MODEL = ROOT / "examples" / "order" / "order.bpmn"
READY_TIMEOUT_S = 60.0
DEFAULT_PORT = 8080

FIRST_ORDERS = (("first-1", 59.9, "valid"), ("first-2", 12.5, "valid"), ("first-3", 740.0, "declined"))
"""Business key, amount, card: a new database is not empty, so that the cockpit shows what waits for a worker."""

TRY_NEXT = """
Penstock runs at {base} (database: {store}). Ctrl-C stops it; what it has acknowledged is kept.
The order process is there: {deployed} {begun}
Look at it in the cockpit: {base}/

Start an order (in another terminal):
  curl -s {base}/engine-rest/process-definition/key/order/start -H 'Content-Type: application/json' -d '{{
    "businessKey": "order-1", "variables": {{
      "orderId": {{"value": "order-1", "type": "String"}}, "amount": {{"value": 59.9, "type": "Double"}},
      "carrier": {{"value": "slowpost", "type": "String"}}, "card": {{"value": "valid", "type": "String"}}}}}}'
Let workers do it (Camunda's own JavaScript client):
  {worker}
See what became of it:
  curl -s '{base}/engine-rest/history/process-instance?processInstanceBusinessKey=order-1'

A declined card is "card": "declined"; a carrier that is down is `{worker} CARRIER_DOWN=slowpost`.
More: examples/order/README.md; a process and worker of your own in ten minutes: docs/tutorial/first-process.md
"""


def main() -> None:
    """Starts the helper and becomes the server."""
    os.chdir(ROOT)
    port, store = int(os.environ.get("PORT", DEFAULT_PORT)), os.environ.get("STORE", "sqlite:///.penstock/penstock.db")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as busy:
            sys.exit(f"Port {port} is taken ({busy.strerror}). Another one: make up PORT=8081")
    Path(".penstock").mkdir(exist_ok=True)
    subprocess.Popen(
        [sys.executable, __file__, "announce", str(os.getpid()), str(port), store], stdin=subprocess.DEVNULL
    )
    os.execv(PENSTOCK, [str(PENSTOCK), "up", "--port", str(port), "--store", store])


def announce(server: int, port: int, store: str) -> None:
    """Waits for the server with process id `server`, deploys the example, and says what to try."""
    base = f"http://127.0.0.1:{port}"
    end = time.monotonic() + READY_TIMEOUT_S
    while not _ready(base):
        if os.getppid() != server:
            return
        if time.monotonic() > end:
            sys.exit(f"The server is not ready after {READY_TIMEOUT_S:.0f} s: {base}/ready says why.")
        time.sleep(0.05)
    deployed = _deploy(base)
    worker = "make worker" if port == DEFAULT_PORT else f"make worker PORT={port}"
    print(TRY_NEXT.format(base=base, store=store, deployed=deployed, begun=_begin(base), worker=worker), flush=True)


def _ready(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/ready", timeout=2):
            return True
    except OSError:
        return False


def _deploy(base: str) -> str:
    """Deploys the model if this version of it is not there yet; the first line of what the command says."""
    done = subprocess.run(
        [PENSTOCK, "deploy", "--url", base, MODEL],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"The order example could not be deployed: {done.stderr.strip()}")
    return done.stdout.splitlines()[0]


def _begin(base: str) -> str:
    """Starts the first orders, unless there have been any; what to say of it."""
    known = _call(f"{base}/engine-rest/history/process-instance/count?processDefinitionKey=order")["count"]
    if known:
        return f"It has had {known} orders."
    for key, amount, card in FIRST_ORDERS:
        texts = {"orderId": key, "carrier": "slowpost", "card": card}
        variables = {name: {"value": text, "type": "String"} for name, text in texts.items()}
        variables["amount"] = {"value": amount, "type": "Double"}
        _call(f"{base}/engine-rest/process-definition/key/order/start", {"businessKey": key, "variables": variables})
    return f"{len(FIRST_ORDERS)} orders wait for workers."


def _call(url: str, body: object = None) -> dict[str, Any]:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["announce"]:
        announce(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        main()
