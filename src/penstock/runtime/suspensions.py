"""Suspension and activation at a later date: a job does it (Camunda 7 `TimerChangeProcessDefinitionSuspensionStateJobHandler`,
`TimerChangeJobDefinitionSuspensionStateJobHandler`)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.base.ids import shard_of
from penstock.identity.changes import Changes, MakeChanges, Operation, Present, put

PROCESS_DEFINITION, JOB_DEFINITION = "processdefinition", "job-definition"

KINDS = frozenset(f"{verb}-{what}" for verb in ("suspend", "activate") for what in (PROCESS_DEFINITION, JOB_DEFINITION))
"""Kinds of these jobs (Camunda 7's handler types)."""

ACTIVATE = "activate-processdefinition"
"""The kind that deployments with an activation date use as well; then the row names the definition."""


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """What such a job does. `ids`: of process definitions or job definitions; `include`: their instances or jobs too."""

    what: str
    ids: Sequence[str]
    suspended: bool
    include: bool


def schedule(later: Later, at_ms: int, retries: int, entry: Operation) -> MakeChanges:
    """Has it done at `at_ms`."""

    async def make(present: Present) -> Changes:
        id = present.ids.new()
        row: dict[str, Any] = {
            "shard": shard_of(id),
            "id": id,
            "kind": f"{'suspend' if later.suspended else 'activate'}-{later.what}",
            "due_ms": at_ms,
            "retries": retries,
            "priority": 0,
            "exclusive": True,
            "suspended": False,
            "created_ms": present.now_ms,
            "payload": {"ids": list(later.ids), "include": later.include},
        }
        return Changes([put("job", row)], [entry])

    return make


def read(row: dict[str, Any]) -> Later:
    """What the job `row` does."""
    verb, _, what = row["kind"].partition("-")
    payload = row["payload"] or {"ids": [row["definition_id"]], "include": False}
    return Later(what=what, ids=payload["ids"], suspended=verb == "suspend", include=payload["include"])
