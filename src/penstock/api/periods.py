"""Durations by month or quarter, as reports show them (Camunda 7 `DurationReportResultDto`)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from penstock.api import dates, problems
from penstock.api.http import Request, Response, attachment

CSV = ("application/csv", "text/csv")
_MONTHS = {"month": 1, "quarter": 3}


def unit_of(request: Request) -> str:
    """`periodUnit`: month or quarter. Raises 400."""
    given = request.text("periodUnit")
    if given is None:
        raise problems.invalid(400, "periodUnit is null")
    if given.lower() not in _MONTHS:
        raise problems.invalid(400, f"Cannot set query parameter 'periodUnit' to value '{given}'")
    return given.lower()


def moment_of(request: Request, name: str) -> int | None:
    """A date among the query parameters. Raises 400."""
    value = request.text(name)
    if not value:
        return None
    moment = dates.parse(value)
    if moment is None:
        raise problems.invalid(
            400,
            f"Cannot set query parameter '{name}' to value '{value}': "
            f'Cannot convert value "{value}" to java type java.util.Date',
        )
    return moment


def by_period(spans: Iterable[tuple[int, int]], unit: str) -> list[dict[str, Any]]:
    """Shortest, longest and mean of the durations of each period; `spans`: (when it began, how long it took) in ms."""
    periods: dict[int, list[int]] = {}
    for began_ms, duration_ms in spans:
        month = datetime.fromtimestamp(began_ms / 1000, UTC).month
        periods.setdefault((month - 1) // _MONTHS[unit] + 1, []).append(duration_ms)
    return [
        {
            "period": period,
            "periodUnit": unit.upper(),
            "minimum": min(found),
            "maximum": max(found),
            "average": sum(found) // len(found),
        }
        for period, found in sorted(periods.items())
    ]


def csv(rows: Sequence[dict[str, Any]], media: str, filename: str) -> Response:
    """The report as a file."""
    lines = ["PERIOD,PERIOD_UNIT,MINIMUM,MAXIMUM,AVERAGE"]
    lines += [",".join(str(value) for value in row.values()) for row in rows]
    return attachment("\n".join(lines).encode(), media, filename)
