"""Makes docs/images/cockpit.png: the cockpit with an order that is stuck.

`.venv/bin/python tools/screenshot.py`, after `make test` (which installs Playwright and Debian's Chromium). A server of its
own runs the example in memory, and this script is its worker; nothing of it stays but the picture.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import ViewportSize, async_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "cockpit.png"
MODEL = ROOT / "examples" / "order" / "order.bpmn"
CHROMIUM = "/usr/bin/chromium"
SIZE: ViewportSize = {"width": 1280, "height": 700}
BYTES_MAX = 200_000
READY_TIMEOUT_S = 30.0

STUCK = "slowpost answers 503 Service Unavailable"
DETAILS = "Error: 503 Service Unavailable\n    at shipOrder (handlers.js:41:11)"
ORDER = {
    "orderId": {"value": "order-17", "type": "String"},
    "amount": {"value": 59.9, "type": "Double"},
    "carrier": {"value": "slowpost", "type": "String"},
    "card": {"value": "valid", "type": "String"},
}
RESULTS = {"reserve-stock": "reserveResult", "charge-card": "chargeResult"}


@contextmanager
def server() -> Iterator[str]:
    """The address of a server in memory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    penstock = Path(sys.executable).with_name("penstock")
    command = [str(penstock), "up", "--port", str(port), "--store", "memory://"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def wait_for(rest: httpx.Client, holds: Callable[[], bool]) -> None:
    """Asks until it holds."""
    end = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            if holds():
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        if time.monotonic() > end:
            sys.exit(f"{rest.base_url} has not become ready within {READY_TIMEOUT_S:.0f} s.")
        time.sleep(0.1)


def post(rest: httpx.Client, path: str, body: Any) -> Any:
    """The answer to a POST."""
    answer = rest.post(path, json=body)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def start(rest: httpx.Client) -> None:
    """Deploys the example and starts an order."""
    files = {"order.bpmn": ("order.bpmn", MODEL.read_bytes(), "text/xml")}
    rest.post("/deployment/create", data={"deployment-name": "order"}, files=files).raise_for_status()
    post(rest, "/process-definition/key/order/start", {"businessKey": "order-17", "variables": ORDER})


def fetch(rest: httpx.Client, topic: str) -> str:
    """The address of the topic's only task, which is locked now."""
    asked = {"workerId": "screenshot", "maxTasks": 1, "topics": [{"topicName": topic, "lockDuration": 60_000}]}
    (task,) = post(rest, "/external-task/fetchAndLock", asked)
    return f"/external-task/{task['id']}"


def work(rest: httpx.Client) -> None:
    """Reserves and charges, and fails to ship."""
    for topic, name in RESULTS.items():
        done = {name: {"value": json.dumps({"data": {"paid": True}}), "type": "Json"}}
        post(rest, f"{fetch(rest, topic)}/complete", {"workerId": "screenshot", "variables": done})
    # A script joins the branches, in a job.
    wait_for(rest, lambda: rest.get("/external-task/count").json()["count"] == 1)
    failure = {"workerId": "screenshot", "errorMessage": STUCK, "errorDetails": DETAILS, "retries": 0}
    post(rest, f"{fetch(rest, 'ship-order')}/failure", failure)


async def photograph(address: str) -> None:
    """Takes the picture when the diagram and its counts are there."""
    async with async_playwright() as playwright:
        options = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*options])
        page = await browser.new_page(viewport=SIZE, color_scheme="light", locale="en-GB")
        await page.goto(address)
        await page.locator(".djs-overlays .badge.incident").first.wait_for()
        await page.get_by_role("button", name="Try again").wait_for()
        await page.screenshot(path=PICTURE)
        await browser.close()


def main() -> None:
    """Starts, works, photographs."""
    with server() as base, httpx.Client(base_url=f"{base}/engine-rest", timeout=30) as rest:
        wait_for(rest, lambda: httpx.get(f"{base}/ready").status_code == 200)
        start(rest)
        work(rest)
        stuck = rest.get("/incident").json()[0]["processInstanceId"]
        asyncio.run(photograph(f"{base}/#/process-instance/{stuck}"))
    size = PICTURE.stat().st_size
    print(f"{PICTURE.relative_to(ROOT)}: {size:,} bytes")
    if size > BYTES_MAX:
        sys.exit(f"That is more than {BYTES_MAX:,} bytes, too much for a README.")


if __name__ == "__main__":
    main()
