"""What evaluating hostile input costs: processor time against the speed of this machine, and memory.

An expression that is refused takes at most 10 ms and 1 MB. The time is that of the process, so that others on the machine
do not count; it is compared with a loop of plain Python that takes 5 ms where the bound is 10 ms, so that a slow machine
does not fail what a fast one passes. `NOISE` allows for caches and a processor that changes its speed.
"""

import functools
import time
import tracemalloc
from collections.abc import Callable

BYTES_MAX = 1_000_000
ROUNDS = 100_000
NOISE = 2.0


def _best_s(run: Callable[[], object], tries: int) -> float:
    best = float("inf")
    for _ in range(tries):
        began = time.process_time()
        run()
        best = min(best, time.process_time() - began)
    return best


def _loop() -> int:
    found = 0
    known = {"a": 1}
    for place in range(ROUNDS):
        found += known["a"] if place % 3 else place
    return found


@functools.cache
def _unit_s() -> float:
    return _best_s(_loop, 3)


def assert_cheap(run: Callable[[], object]) -> None:
    """The run, which raises nothing, stays within its time and memory."""
    run()
    bound, took = NOISE * _unit_s(), _best_s(run, 2)
    if took > bound:  # The machine may have become slower since the unit was measured.
        bound, took = NOISE * _best_s(_loop, 3), _best_s(run, 3)
    assert took <= bound, f"{took * 1000:.1f} ms of the processor, where 10 ms are {bound * 1000:.1f}"
    tracemalloc.start()
    try:
        run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= BYTES_MAX, f"{peak} bytes"
