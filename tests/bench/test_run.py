import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from penstock.bench.report import as_table
from penstock.bench.run import BenchFailed, Plan, Result, run

TINY = Plan(
    stores=("sqlite",),
    postgres=False,
    workloads=("W1", "W2"),
    seconds=1.0,
    warmup_s=0.3,
    connections=12,
    in_flight=10,
)


def _check(result: Result) -> None:
    assert result.errors == 0, result.first_error
    assert result.instances > 0
    assert result.rate == result.instances / result.wall_s
    main = result.latency_ms["start" if result.workload == "W1" else "complete"]
    assert 0 < main["p50"] <= main["p99"]
    assert result.server_us is None or result.server_us > 0
    assert result.log_bytes is None or result.log_bytes > 100


def test_sqlite_end_to_end() -> None:
    results = run(TINY, lambda text: None)
    assert [result.workload for result in results] == ["W1", "W2"]
    for result in results:
        _check(result)
    w1, w2 = results
    assert w2.requests > 4 * w2.instances
    assert w1.log_bytes is not None and w2.log_bytes is not None
    assert w2.log_bytes > w1.log_bytes
    assert "W2 sqlite" in as_table(results)


def test_postgresql_end_to_end(postgres_url: str) -> None:
    (result,) = run(msgspec.structs.replace(TINY, stores=(postgres_url,), workloads=("W1",)), lambda text: None)
    _check(result)
    assert result.database_us is None or result.database_us > 0


def test_a_store_that_cannot_be_opened_is_said() -> None:
    with pytest.raises(BenchFailed, match="there is no store"):
        run(msgspec.structs.replace(TINY, stores=("mysql://x",)), lambda text: None)


def test_the_command_prints_json(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", "bench", "--store", "memory://", "--workload", "W1", "--seconds", "0.5",
         "--warmup", "0.1", "--connections", "8", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    (result,) = json.loads(done.stdout)
    assert (result["workload"], result["store"], result["log_bytes"]) == ("W1", "memory", None)


QUIET = Result(
    store="sqlite", workload="W1", instances=100, wall_s=2.0, catch_up_s=0.0, rate=50.0, requests=100, overloaded=0,
    errors=0, first_error="", latency_ms={"start": {"count": 100, "p50": 1.0, "p99": 2.0}}, server_us=10.0,
    database_us=None, generator_us=1.0, generator_share=0.1, other_share=0.0, log_bytes=900.0, cores=2,
)  # fmt: skip


def test_the_table_says_what_makes_numbers_doubtful() -> None:
    assert "ERRORS" not in as_table([QUIET])
    doubtful = msgspec.structs.replace(
        QUIET, errors=2, first_error="500 x", generator_share=0.3, other_share=0.5, catch_up_s=1.0, overloaded=3
    )
    text = as_table([doubtful, msgspec.structs.replace(QUIET, store="postgresql", rate=25.0)])
    for said in ("2 ERRORS, the first: 500 x", "took more than 20%", "took 50%", "1.0 s more", "3 requests", "0.50 ×"):
        assert said in text
