"""`/penstock/v1/reprocessing`."""

from typing import Any

from penstock.api import http
from penstock.api.additions.reprocessing import dto
from penstock.api.additions.reprocessing.openapi import ALL, CANCEL, DRY_RUN, ONE, OPERATIONS, PAUSE, RESUME, RUNS_MAX
from penstock.api.http import Request, Response, Route
from penstock.base.errors import BadRequest
from penstock.runtime.reprocessing.service import Reprocessing

__all__ = ["OPERATIONS", "ROUTES"]

RUNS_DEFAULT = 20


async def look(request: Request) -> Any:
    """`POST …/dry-run`: how much fits, in groups with examples; changes nothing."""
    body = dto.read(request, dto.Inspect)
    found = await Reprocessing(request.engine).look(body.filter.selection(), body.limit)
    return dto.look(found, body.max_groups)


async def start(request: Request) -> Response:
    """`POST …`: a new run, 201; or, when nothing fits, 204."""
    body = dto.read(request, dto.Order)
    run = await Reprocessing(request.engine).start(
        body.filter.selection(),
        retries=body.retries,
        rate=body.rate_per_second,
        limit=body.limit,
        user=request.user,
    )
    return http.NO_CONTENT if run is None else http.json(dto.run(run), 201)


async def every(request: Request) -> Any:
    """`GET …`: the latest runs, the newest first."""
    return [dto.run(run) for run in await Reprocessing(request.engine).runs(_most(request.text("maxResults")))]


async def one(request: Request, id: str) -> Any:
    """`GET …/{id}`; with `failedAgain=true` it is counted how many of the retried ones stand still again."""
    return dto.run(await Reprocessing(request.engine).run(id, failed_again=request.flag("failedAgain")))


async def pause(request: Request, id: str) -> Any:
    """`POST …/{id}/pause`."""
    return dto.run(await Reprocessing(request.engine).pause(id, True, user=request.user))


async def resume(request: Request, id: str) -> Any:
    """`POST …/{id}/resume`."""
    return dto.run(await Reprocessing(request.engine).pause(id, False, user=request.user))


async def cancel(request: Request, id: str) -> Any:
    """`POST …/{id}/cancel`: what was not reached yet stays as it is."""
    return dto.run(await Reprocessing(request.engine).cancel(id, user=request.user))


def _most(text: str | None) -> int:
    if text is None:
        return RUNS_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= RUNS_MAX):
        raise BadRequest(f"maxResults is {text!r}: give a number from 1 to {RUNS_MAX}")
    return int(text)


ROUTES = (
    Route("POST", DRY_RUN, look),
    Route("POST", ALL, start),
    Route("GET", ALL, every),
    Route("GET", ONE, one),
    Route("POST", PAUSE, pause, consumes=None),
    Route("POST", RESUME, resume, consumes=None),
    Route("POST", CANCEL, cancel, consumes=None),
)
