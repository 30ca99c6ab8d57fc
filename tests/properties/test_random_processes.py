"""Random processes on random paths: what must always hold, holds after every unit of work.

`make fuzz` takes more of them, other ones each time. A failure prints the smallest process that fails in the same way,
with what is done to it: save both as a file `NAME.bpmn` and `make fuzz CASE=NAME.bpmn` repeats it.
"""

import os
from pathlib import Path

import pytest
from case import Case, RunFailed, model_of, read, repeat, walk
from shrinking import shrink

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("PENSTOCK_FUZZ_EXAMPLES", "0"))
"""How many random processes, other ones each time; 0: always the same `RUNS`."""
CASE = os.environ.get("PENSTOCK_FUZZ_CASE")
"""A file with a run to repeat; nothing else is done then."""
RUNS = 2_000
BULK = 250
"""Runs of one test."""
FIRST = int(os.environ.get("PENSTOCK_FUZZ_SEED") or (int.from_bytes(os.urandom(4)) if EXAMPLES else 0))
TWICE_EVERY = 8
"""Each so many runs are made a second time, on a state that is stored otherwise."""


@pytest.mark.skipif(bool(CASE), reason="one case is repeated")
@pytest.mark.parametrize("first", range(FIRST, FIRST + (EXAMPLES or RUNS), BULK))
@pytest.mark.timeout(0)
def test_every_path_through_every_process_keeps_the_invariants(first: int) -> None:
    for seed in range(first, min(first + BULK, FIRST + (EXAMPLES or RUNS))):
        _check(seed)


def _check(seed: int) -> None:
    model, chance = model_of(seed)
    try:
        run = walk(model, chance, chunked=bool(seed % 2))
        if seed % TWICE_EVERY == 0:
            again = repeat(Case(run.xml, tuple(run.steps[: run.scheduled])), chunked=not seed % 2)
            assert again.engine.history == run.engine.history, "what happens depends on how the state is stored"
    except RunFailed as failed:
        _model, small = shrink(model, failed)
        assert small.__cause__ is not None
        small.__cause__.add_note(f"seed {seed}, at its smallest:\n{Case(small.run.xml, small.steps)}")
        raise small.__cause__ from None


@pytest.mark.skipif(not CASE, reason="PENSTOCK_FUZZ_CASE names no case")
def test_the_case() -> None:
    try:
        repeat(read(Path(CASE or "").read_text()))
    except RunFailed as failed:
        assert failed.__cause__ is not None
        raise failed.__cause__ from None
