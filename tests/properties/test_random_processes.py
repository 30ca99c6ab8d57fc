"""Random processes on random paths: what must always hold, holds after every unit of work."""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_process import Model, models
from random_run import run_of

EXAMPLES = int(os.environ.get("PENSTOCK_FUZZ_EXAMPLES", "200"))


@given(model=models(), data=st.data())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_random(model: Model, data: st.DataObject) -> None:
    run_of(model, lambda n: data.draw(st.integers(0, n - 1)), 12)
