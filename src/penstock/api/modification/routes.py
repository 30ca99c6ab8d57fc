"""Camunda 7 `/modification`: the same modification of many process instances of one definition."""

from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.api import batches, problems
from penstock.api.dto import Body
from penstock.api.http import Request, Route
from penstock.api.process_instance import instructions
from penstock.base.errors import BadUserRequest, NotFound, NotValid
from penstock.engine.commands import ModifyInstance, StartInstruction
from penstock.engine.events import JobKind
from penstock.identity.changes import Operation

PATH = "/modification"


class Modification(Body):
    """`ModificationDto`."""

    process_definition_id: str | None = None
    process_instance_ids: list[Any] | None = None
    process_instance_query: dict[str, Any] | None = None
    historic_process_instance_query: dict[str, Any] | None = None
    skip_custom_listeners: bool = False
    skip_io_mappings: bool = False
    instructions: list[Any] | None = None
    annotation: str | None = None


async def _read(request: Request, body: Modification) -> tuple[tuple[StartInstruction, ...], list[str]]:
    """Instructions and process instances of a body. Raises 400, in Camunda's order."""
    definition = body.process_definition_id
    if definition is None:
        raise problems.invalid(400, "processDefinitionId is null")
    steps = instructions.read(body.instructions)
    for step in steps:
        if step.type == "cancel" and step.activity is None:
            raise problems.invalid(400, "For instruction type 'cancel': 'activityId' must be set")
    if not steps:
        raise problems.invalid(400, "Modification instructions cannot be empty is empty")
    try:
        ids = await batches.instances(
            request,
            body.process_instance_ids,
            body.process_instance_query,
            body.historic_process_instance_query,
        )
    except problems.Problem as problem:
        raise problems.invalid(problem.status, problem.message) from problem
    if not ids:
        raise problems.invalid(400, "Process instance ids cannot be empty: Process instance ids is empty")
    try:
        await request.engine.definition(definition)
    except NotFound as error:
        raise problems.invalid(400, error.message) from error
    return steps, ids


def _command(request: Request, body: Modification, steps: tuple[StartInstruction, ...]) -> ModifyInstance:
    return ModifyInstance(
        instance="",
        definition=body.process_definition_id,
        instructions=steps,
        skip_custom_listeners=body.skip_custom_listeners,
        skip_io_mappings=body.skip_io_mappings,
        annotation=body.annotation,
        user=request.user,
        logged=False,
    )


async def execute(request: Request) -> None:
    """`POST /modification/execute`: all instances, or none."""
    body = request.body(Modification)
    steps, ids = await _read(request, body)
    await _all_exist(request, ids)
    try:
        command = _command(request, body, steps)
        commands = [msgspec.structs.replace(command, instance=id) for id in ids]
        await request.engine.execute_together(commands, _logged(body, len(ids), asynchronous=False), user=request.user)
    except (BadUserRequest, NotValid) as error:
        raise problems.invalid(400, error.message) from error


def _logged(body: Modification, count: int, *, asynchronous: bool) -> Operation:
    return batches.logged(
        "ModifyProcessInstance",
        count,
        asynchronous=asynchronous,
        definition=body.process_definition_id,
        annotation=body.annotation,
    )


async def _all_exist(request: Request, ids: Sequence[str]) -> None:
    living = await request.engine.instances(ids)
    for id in ids:
        if id not in living:
            raise problems.engine(
                f"ENGINE-13036 Process instance '{id}' cannot be modified. The process instance does not exist"
            )


async def execute_async(request: Request) -> Any:
    """`POST /modification/executeAsync`."""
    body = request.body(Modification)
    steps, ids = await _read(request, body)
    operation = _logged(body, len(ids), asynchronous=True)
    return await batches.make(request, JobKind.INSTANCE_MODIFICATION, ids, _command(request, body, steps), operation)


ROUTES: tuple[Route, ...] = (
    Route("POST", PATH + "/execute", execute),
    Route("POST", PATH + "/executeAsync", execute_async),
)
