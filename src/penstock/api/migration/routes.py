"""Camunda 7 `/migration`: plans, and process instances that move from one definition to another."""

from collections.abc import Sequence
from typing import Any

from penstock.api import batches, problems, values
from penstock.api.http import Request, Route
from penstock.api.migration.dto import (
    EMPTY_REPORT,
    Execution,
    Generation,
    Plan,
    instance_report,
    plan_report,
    read_instruction,
    write_plan,
)
from penstock.api.process_instance.query import PROCESS_INSTANCES
from penstock.base.errors import MigrationPlanInvalid, MigrationRefused, NotFound
from penstock.engine.commands import MigrateInstance, MigrationInstruction, Variables
from penstock.engine.definition import Definition
from penstock.engine.events import JobKind
from penstock.engine.migration_plan import check, generate
from penstock.identity.changes import OPERATOR, Operation, Property
from penstock.store.query import Query, is_null

PATH = "/migration"


class Checked:
    """A plan that is valid."""

    def __init__(
        self, source: str, target: str, instructions: Sequence[MigrationInstruction], variables: Variables | None
    ) -> None:
        self.source = source
        self.target = target
        self.instructions = tuple(instructions)
        self.variables = variables

    def commands(self, ids: Sequence[str], body: Execution, user: str | None) -> tuple[MigrateInstance, ...]:
        """One for each process instance."""
        return tuple(
            MigrateInstance(
                instance=id,
                source=self.source,
                target=self.target,
                instructions=self.instructions,
                variables=self.variables or {},
                skip_custom_listeners=body.skip_custom_listeners,
                skip_io_mappings=body.skip_io_mappings,
                user=user,
            )
            for id in ids
        )


async def _definition(request: Request, id: str | None, what: str) -> Definition:
    if id is None:
        raise problems.invalid(400, f"{what} process definition id is null", 0)
    try:
        return await request.engine.definition(id)
    except NotFound:
        raise problems.invalid(
            400, f"ENGINE-23008 {what} process definition with id '{id}' does not exist", 0
        ) from None


async def _definitions(request: Request, body: Plan | Generation) -> tuple[Definition, Definition]:
    source = await _definition(request, body.source_process_definition_id, "Source")
    return source, await _definition(request, body.target_process_definition_id, "Target")


async def create(request: Request) -> Any:
    """`POST /migration/generate`: a plan for activities of the same id."""
    body = request.body(Generation)
    variables = None if body.variables is None else values.read_all(body.variables)
    source, target = await _definitions(request, body)
    found = generate(source, target, update_event_triggers=body.update_event_triggers)
    try:
        check(source, target, found, variables or {})
    except MigrationPlanInvalid as error:
        raise problems.invalid(400, error.message, 0) from error
    return write_plan(source.id, target.id, found, variables)


async def read_plan(request: Request, plan: Plan | None) -> Checked:
    """The plan of a request. Raises MigrationPlanInvalid, problems."""
    if plan is None:
        raise problems.null("Migration plan cannot be null: migration plan is null")
    variables = None if plan.variables is None else values.read_all(plan.variables)
    instructions = [read_instruction(item) for item in plan.instructions or ()]
    source, target = await _definitions(request, plan)
    try:
        check(source, target, instructions, variables or {})
    except MigrationPlanInvalid as error:
        raise _invalid(error, variables or {}) from error
    return Checked(source.id, target.id, instructions, variables)


def _invalid(error: MigrationPlanInvalid, variables: Variables) -> problems.Problem:
    found = problems.of(error)
    found.extra = {"validationReport": plan_report(error, variables)}
    return found


async def validate(request: Request) -> Any:
    """`POST /migration/validate`: what is wrong with a plan."""
    try:
        await read_plan(request, request.body(Plan))
    except problems.Problem as problem:
        report = problem.extra.get("validationReport")
        if report is None:
            raise
        return report
    return EMPTY_REPORT


async def instances(request: Request, body: Execution) -> list[str]:
    """The process instances that an execution names, by id and by query."""
    if None in (body.process_instance_ids or ()):
        raise problems.bad_user_request("Process instance ids cannot be null: process instance ids contains null value")
    found = dict.fromkeys(str(id) for id in body.process_instance_ids or ())
    if body.process_instance_query is not None:
        where = PROCESS_INSTANCES.where_of_json(body.process_instance_query, request.engine.clock.now_ms())
        rows = await request.engine.rows(Query("process_instance", (is_null("ended_ms"), *where), columns=("id",)))
        found.update((row["id"], None) for row in rows)
    if not found:
        raise problems.bad_user_request("Process instance ids cannot empty: process instance ids is empty")
    return list(found)


async def execute(request: Request) -> None:
    """`POST /migration/execute`: all instances, or none."""
    body = request.body(Execution)
    plan = await read_plan(request, body.migration_plan)
    ids = await instances(request, body)
    try:
        operation = _logged(plan, len(ids), asynchronous=False)
        await request.engine.execute_together(plan.commands(ids, body, request.user), operation, user=request.user)
    except MigrationRefused as error:
        found = problems.of(error)
        found.extra = {"validationReport": instance_report(error)}
        raise found from error


async def execute_async(request: Request) -> Any:
    """`POST /migration/executeAsync`."""
    body = request.body(Execution)
    plan = await read_plan(request, body.migration_plan)
    ids = await instances(request, body)
    source = await request.engine.definition(plan.source)
    (template,) = plan.commands([""], body, request.user)
    operation = _logged(plan, len(ids), asynchronous=True)
    return await batches.make(request, JobKind.INSTANCE_MIGRATION, ids, template, operation, tenant=source.tenant)


def _logged(plan: Checked, count: int, *, asynchronous: bool) -> Operation:
    properties = [Property("processDefinitionId", plan.target, plan.source), Property("nrOfInstances", str(count))]
    if plan.variables is not None:
        properties.append(Property("nrOfSetVariables", str(len(plan.variables))))
    properties.append(Property("async", "true" if asynchronous else "false"))
    return Operation(
        type="Migrate", entity="ProcessInstance", category=OPERATOR, properties=properties, definition=plan.source
    )


ROUTES: tuple[Route, ...] = (
    Route("POST", PATH + "/generate", create),
    Route("POST", PATH + "/validate", validate),
    Route("POST", PATH + "/execute", execute),
    Route("POST", PATH + "/executeAsync", execute_async),
)
