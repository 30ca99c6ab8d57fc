"""`/penstock/v1/dead-letters`."""

from typing import Any

from penstock.api import dates
from penstock.api.additions.dead_letters.dto import SCHEMA, Replay, dead_letter
from penstock.api.http import Request, Route
from penstock.base.errors import BadRequest
from penstock.runtime.letters import Filter

PATH = "/dead-letters"
SHOWN_DEFAULT, SHOWN_MAX = 100, 1_000


async def find(request: Request) -> Any:
    """`GET …`: the dead letters that match, at most `maxResults` of them, and how many there are."""
    wanted = Filter(
        connection=request.text("connection"),
        channel=request.text("channel"),
        reason=request.text("reason"),
        id=request.text("id"),
        since_ms=_moment("since", request.text("since")),
        until_ms=_moment("until", request.text("until")),
    )
    found = await request.engine.letters.find(wanted, _most(request.text("maxResults")))
    return {
        "deadLetters": [dead_letter(letter) for letter in found.letters],
        "count": found.count,
        "complete": found.complete,
    }


async def replay(request: Request) -> Any:
    """`POST …/replay`: sends those that match back to where they came from; with `dryRun` only counts them."""
    body = request.body(Replay)
    wanted = Filter(
        connection=body.connection,
        channel=body.channel,
        reason=body.reason,
        id=body.id,
        since_ms=_moment("since", body.since),
        until_ms=_moment("until", body.until),
    )
    letters = request.engine.letters
    found = await (letters.find if body.dry_run else letters.replay)(wanted)
    return {"matched": found.count, "replayed": 0 if body.dry_run else found.count, "complete": found.complete}


def _moment(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    found = dates.parse_any(text)
    if found is None:
        raise BadRequest(f"{name} is {text!r}, which is no moment such as 2026-01-31T12:00:00.000+0000")
    return found


def _most(text: str | None) -> int:
    if text is None:
        return SHOWN_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= SHOWN_MAX):
        raise BadRequest(f"maxResults is {text!r}: give a number from 1 to {SHOWN_MAX}")
    return int(text)


ROUTES = (Route("GET", PATH, find), Route("POST", PATH + "/replay", replay))

_FIELDS = {
    "connection": "Name of the connection in penstock.toml",
    "channel": "Where the message came from",
    "reason": "A part of the reason, in any case",
    "id": "The message's id on the channel that it came from",
    "since": "Dead since this moment or later",
    "until": "Dead before this moment",
}
_TEXT = {"type": "string"}
_COMPLETE = {"type": "boolean", "description": "False: a channel has more than was looked at in one pass"}

OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", PATH): {
        "operationId": "listDeadLetters",
        "summary": "Messages that no bridge could take, with their reasons; takes a few seconds per channel",
        "parameters": [
            *({"name": name, "in": "query", "schema": _TEXT, "description": text} for name, text in _FIELDS.items()),
            {
                "name": "maxResults",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": SHOWN_MAX, "default": SHOWN_DEFAULT},
            },
        ],
        "responses": {
            "200": {
                "description": "Oldest first within a channel",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "deadLetters": {"type": "array", "items": SCHEMA},
                                "count": {"type": "integer", "description": "How many match"},
                                "complete": _COMPLETE,
                            },
                        }
                    }
                },
            }
        },
    },
    ("POST", PATH + "/replay"): {
        "operationId": "replayDeadLetters",
        "summary": "Send dead letters back to where they came from, for the group that could not take them",
        "requestBody": {
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            **{name: {**_TEXT, "description": text} for name, text in _FIELDS.items()},
                            "dryRun": {"type": "boolean", "default": False, "description": "Only count"},
                        },
                    }
                }
            },
        },
        "responses": {
            "200": {
                "description": "How many matched, and how many were sent back",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "matched": {"type": "integer"},
                                "replayed": {"type": "integer"},
                                "complete": _COMPLETE,
                            },
                        }
                    }
                },
            }
        },
    },
}
"""What the OpenAPI document says of each route."""
