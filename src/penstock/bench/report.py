"""Results for people."""

from collections.abc import Sequence

from penstock.bench.run import GENERATOR_SHARE_MAX, Result

BUSY_SHARE = 0.1
"""Share of the machine that others may take before the absolute numbers are called unreliable."""

_MAIN = {"W1": "start", "W2": "complete"}
"""The request whose latency is shown."""


def as_table(results: Sequence[Result]) -> str:
    """A table, what to make of it, and how the stores compare."""
    head = (
        "", "instances/s", "p50 ms", "p99 ms", "server µs", "database µs", "log bytes", "generator µs", "of machine"
    )  # fmt: skip
    rows = [head]
    for result in results:
        latency = result.latency_ms.get(_MAIN[result.workload], {})
        rows.append(
            (
                f"{result.workload} {result.store}",
                f"{result.rate:,.0f}",
                _number(latency.get("p50"), 1),
                _number(latency.get("p99"), 1),
                _number(result.server_us, 0),
                _number(result.database_us, 0),
                _number(result.log_bytes, 0),
                _number(result.generator_us, 0),
                f"{result.generator_share:.1%}",
            )
        )
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = [
        "  ".join(
            text.ljust(width) if at == 0 else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.append("")
    lines.append(
        "µs: CPU time per instance. Latency: one start (W1), one complete (W2). Until the views had caught up."
    )
    lines += _remarks(results)
    lines += _ratios(results)
    return "\n".join(lines)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _remarks(results: Sequence[Result]) -> list[str]:
    lines = []
    for result in results:
        name = f"{result.workload} {result.store}"
        if result.catch_up_s > 0.1 * result.wall_s:
            lines.append(f"{name}: the views needed {result.catch_up_s:.1f} s more after the last answer.")
        if result.overloaded:
            lines.append(f"{name}: {result.overloaded} requests were answered with 503 and sent again.")
        if result.errors:
            lines.append(f"{name}: {result.errors} ERRORS, the first: {result.first_error}")
        if result.generator_share > GENERATOR_SHARE_MAX:
            lines.append(
                f"{name}: the generator took more than {GENERATOR_SHARE_MAX:.0%} of the machine: rates are too low."
            )
        if result.other_share is not None and result.other_share > BUSY_SHARE:
            lines.append(
                f"{name}: other processes took {result.other_share:.0%} of the {result.cores} processors:"
                " trust the CPU times and the ratios, not the rates."
            )
    return lines


def _ratios(results: Sequence[Result]) -> list[str]:
    """How stores compare on the same workload: rates of one noisy machine, but taken alike."""
    lines = []
    for workload in _MAIN:
        of_one = [result for result in results if result.workload == workload and result.rate]
        for other in of_one[1:]:
            first = of_one[0]
            lines.append(
                f"{workload}: {other.store} runs {other.rate / first.rate:.2f} × the instances of {first.store}."
            )
    return lines
