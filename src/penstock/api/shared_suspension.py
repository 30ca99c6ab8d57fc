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
    process_instance_ids: list[str] | None = None
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


def only_now(body: Suspension, what: str) -> None:
    """Refuses a delayed suspension: 400 for a date that cannot be read, 501 for one that can."""
    if body.execution_date is None:
        return
    if dates.parse(body.execution_date) is None:
        raise problems.invalid(
            400, f'The suspension state of {what} could not be updated due to: Invalid format: "{body.execution_date}"'
        )
    raise problems.unsupported("Suspending at a later date ('executionDate')")
