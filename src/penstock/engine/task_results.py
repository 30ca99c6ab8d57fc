"""Variables that a worker writes, and results that several workers write at once (`base.task_results`).

A worker that writes the whole results document knows the version that it was given with its task. If others have
appended since, its entries go behind theirs, in the unit that commits them. Every other variable is written as it is,
the last writer wins, as in Camunda 7.
"""

from __future__ import annotations

import msgspec

from penstock.base import task_results
from penstock.base.task_results import StaleResults
from penstock.engine.commands import ExternalTaskReport
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.engine.variables import set_local, set_variable, visible
from penstock.expr.values import TypedValue, holds_json


def results_text(value: TypedValue) -> str | None:
    """The text of a variable that looks like results; None for any other."""
    text = _text(value)
    return text if text is not None and task_results.MARK in text else None


def _text(value: TypedValue) -> str | None:
    """The text of a variable that may hold results: JSON as Json, as an Object in JSON, or as a String."""
    if not isinstance(value.value, str) or value.transient:
        return None
    if value.type == "Object" and not holds_json(value):
        return None
    return value.value if value.type in ("Json", "Object", "String") else None


def set_reported(run: Run, x: Execution, report: ExternalTaskReport) -> None:
    """Sets what the worker at `x` reports. Raises StaleResults when its results contradict those of others."""
    for name, value in report.variables.items():
        found = visible(run, x, name)
        set_variable(run, x, name, _kept(report, name, value, found.value if found else None))
    for name, value in report.local_variables.items():
        here = x.variables.get(name)
        set_local(run, x, name, _kept(report, name, value, here.value if here else None))


def check_extends(run: Run, x: Execution, name: str, written: TypedValue) -> None:
    """Raises StaleResults when `written` would take away results that others have appended."""
    found = visible(run, x, name)
    before, after = results_text(found.value) if found else None, results_text(written)
    if before is None or after is None:
        return
    try:
        task_results.check_extends(before, after)
    except StaleResults as stale:
        raise StaleResults(
            f"Variable '{name}' was changed by others meanwhile: {stale.message}. Fetch the task again."
        ) from None


def _kept(report: ExternalTaskReport, name: str, written: TypedValue, current: TypedValue | None) -> TypedValue:
    """The value that the variable gets."""
    text = results_text(written)
    if text is None:
        return written
    before = _text(current) if current is not None else None
    try:
        if name in report.append_results:
            after = task_results.append(before, text)
        elif before is not None:
            after = task_results.merge(before, text, report.seen_results.get(name))
        else:
            return written
    except StaleResults as stale:
        raise StaleResults(
            f"Variable '{name}' was changed by others since worker '{report.worker}' fetched external task "
            f"{report.external_task}, and the results cannot be merged: {stale.message}. Fetch the task again."
        ) from None
    return written if after == text else msgspec.structs.replace(written, value=after)
