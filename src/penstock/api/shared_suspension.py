"""Suspending by definition: what the bodies of `PUT /process-instance/suspended`, `/job/suspended` and
`/job-definition/suspended` have in common."""

from typing import Any

from penstock.api import dates, problems
from penstock.api.dto import Body
from penstock.store.query import Term, eq, is_null


class Suspension(Body):
    """`SuspensionStateDto` with everything its descendants add."""

    suspended: bool = False
    process_definition_id: str | None = None
    process_definition_key: str | None = None
    process_definition_tenant_id: str | None = None
    process_definition_without_tenant_id: bool = False
    process_instance_ids: list[str | None] | None = None
    process_instance_query: dict[str, Any] | None = None
    historic_process_instance_query: dict[str, Any] | None = None
    process_instance_id: str | None = None
    job_id: str | None = None
    job_definition_id: str | None = None
    include_jobs: bool = False
    execution_date: str | None = None


def of_definition(body: Suspension) -> tuple[Term, ...]:
    """Terms on rows with `definition_id`, `definition_key` and `tenant_id`, from what `body` says of the definition."""
    if body.process_definition_id is not None:
        return (eq("definition_id", body.process_definition_id),)
    terms: list[Term] = [eq("definition_key", body.process_definition_key)]
    if body.process_definition_without_tenant_id:
        terms.append(is_null("tenant_id"))
    elif body.process_definition_tenant_id is not None:
        terms.append(eq("tenant_id", body.process_definition_tenant_id))
    return tuple(terms)


def later(execution_date: str | None, what: str) -> int | None:
    """The moment of the date at which it is to happen; None: now. Raises 400 for one that cannot be read."""
    if not execution_date:
        return None
    at_ms = dates.parse_any(execution_date)
    if at_ms is None:
        raise problems.invalid(
            400, f'The suspension state of {what} could not be updated due to: Invalid format: "{execution_date}"'
        )
    return at_ms
