"""`/health` and `/ready`: whether the process answers, and whether work may be sent to it."""

from penstock.api.http import Request, Response, json


def health(request: Request) -> Response:
    """`/health`: the process answers; the body says what is wrong, if anything."""
    return json(dict(request.engine.health()))


def ready(request: Request) -> Response:
    """`/ready`: 200 when work may be sent here, 503 otherwise."""
    state = dict(request.engine.health())
    return json(state, 200 if state.get("ready") else 503)
