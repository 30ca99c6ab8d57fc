"""The load generator: `python -m penstock.bench.generator`, the plan as JSON on standard input.

It prints one line of JSON when the measured time begins and one when the last answer has come. Standard library only.
"""

import gc
import json
import selectors
import sys
import time
from typing import Any

from penstock.bench.connection import Connection, ConnectionLost
from penstock.bench.work import KINDS, W1, W2

LAST_ANSWERS_S = 30.0
"""How long answers to what was sent are waited for in the end."""


def main() -> None:
    """Loads the server as the plan says."""
    plan = json.loads(sys.stdin.readline())
    try:
        _print(_load(plan))
    except (ConnectionLost, OSError) as error:
        _print({"failed": str(error)})
        sys.exit(1)


def _load(plan: dict[str, Any]) -> dict[str, Any]:
    selector = selectors.DefaultSelector()
    host, port = plan["host"], plan["port"]
    connections = [Connection(host, port, selector) for _ in range(plan["connections"])]
    work: W1 | W2
    if plan["workload"] == "W1":
        work = W1(host, port, plan["path"], connections)
    else:
        work = W2(host, port, plan["path"], connections, plan["topics"], plan["in_flight"])
    # Nothing here makes cycles.
    gc.disable()
    work.begin()
    _until(time.monotonic() + plan["warmup_s"], selector, work)
    warmed_up = {"instances": work.counted.instances, "units": work.counted.units}
    work.counted.reset()
    cpu_s, began_s = time.process_time(), time.monotonic()
    _print({"event": "measuring"})
    _until(began_s + plan["seconds"], selector, work)
    work.stop()
    give_up_s = time.monotonic() + LAST_ANSWERS_S
    while work.waiting and time.monotonic() < give_up_s:
        _turn(selector, work, 0.05)
    wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
    counted = work.counted
    return {
        "event": "done",
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "warmed_up": warmed_up,
        "instances": counted.instances,
        "units": counted.units,
        "requests": counted.requests,
        "overloaded": counted.overloaded,
        "errors": counted.errors + work.waiting,
        "first_error": counted.first_error or ("answers are missing" if work.waiting else ""),
        "latency_ms": {
            kind: {"count": len(values), "p50": _quantile(values, 0.5), "p99": _quantile(values, 0.99)}
            for kind, values in zip(KINDS, map(sorted, counted.latencies), strict=True)
            if values
        },
    }


def _until(end_s: float, selector: selectors.BaseSelector, work: W1 | W2) -> None:
    while True:
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            return
        _turn(selector, work, min(left_s, 0.05))


def _turn(selector: selectors.BaseSelector, work: W1 | W2, wait_s: float) -> None:
    for key, _ in selector.select(wait_s):
        key.data.readable()
    work.later.run()


def _quantile(values: list[float], share: float) -> float:
    """In milliseconds; `values` are sorted seconds."""
    return values[min(len(values) - 1, int(share * len(values)))] * 1000


def _print(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
