"""Failed work tried again in bulk, as methods of a client. Needs a Penstock server: Camunda 7 has no such thing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from penstock.worker.http.wire import Answer, Ask
from penstock.worker.logic import Logic, Patience, Pause, succeeded
from penstock.worker.records import Record

PATH = "/penstock/v1/reprocessing"
PATIENCE = Patience()
NOTHING = 204


class FailedWork(msgspec.Struct, frozen=True, kw_only=True):
    """Which failed work is meant: jobs and external tasks without retries. What is stated must all hold; with nothing stated
    `everything` must be true. `error`: a part of the message, in any case; `after` (and later), `before`: when it was given
    up, with a time zone."""

    topic: str | None = None
    definition_key: str | None = None
    definition_version: int | None = None
    definition_id: str | None = None
    activity: str | None = None
    incident_type: str | None = None
    error: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    business_key: str | None = None
    process_instance_ids: Sequence[str] | None = None
    tenant_id: str | None = None
    everything: bool = False

    def wire(self) -> dict[str, Any]:
        """As the server reads it. Raises ValueError for a moment without a time zone."""
        found = {
            "topicName": self.topic,
            "processDefinitionKey": self.definition_key,
            "processDefinitionVersion": self.definition_version,
            "processDefinitionId": self.definition_id,
            "activityId": self.activity,
            "incidentType": self.incident_type,
            "errorMessage": self.error,
            "createdAfter": _moment(self.after),
            "createdBefore": _moment(self.before),
            "businessKey": self.business_key,
            "processInstanceIds": self.process_instance_ids,
            "tenantId": self.tenant_id,
            "all": self.everything or None,
        }
        return {name: value for name, value in found.items() if value is not None}


def _moment(at: datetime | None) -> str | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone: nobody knows which moment it is")
    return at.isoformat()


class FailedExample(Record, frozen=True):
    """One failed job or external task (`id`)."""

    id: str
    incident_id: str
    process_instance_id: str | None = None
    error_message: str | None = None
    created: str | None = None


class FailedGroup(Record, frozen=True):
    """What has failed at one place for the same reason. `error`: the message with `#` for numbers and ids."""

    incident_type: str
    count: int
    process_definition_key: str | None = None
    process_definition_version: int | None = None
    process_definition_id: str | None = None
    activity_id: str | None = None
    topic_name: str | None = None
    error: str | None = None
    oldest: str | None = None
    newest: str | None = None
    examples: Sequence[FailedExample] = ()


class FailedSummary(Record, frozen=True):
    """How much fits, and the largest groups; `grouped`: how many belong to these."""

    count: int
    grouped: int
    groups: list[FailedGroup]


class Reprocessing(Record, frozen=True):
    """A run. `state`: running, paused, completed or canceled; `skipped`: solved meanwhile; `failed`: of the remaining, what
    needs a person; `failed_again`: how many of the retried ones stand still again, where that was asked."""

    id: str
    state: str
    total: int
    retried: int
    skipped: int
    failed: int
    remaining: int
    retries: int
    rate_per_second: float | None = None
    retried_per_second: float = 0.0
    failed_again: int | None = None
    start_time: str | None = None
    end_time: str | None = None
    filter: Mapping[str, Any] = {}

    @property
    def is_under_way(self) -> bool:
        """Whether there is still something that goes on by itself."""
        return self.state == "running" and self.remaining > self.failed


def failed_work(what: FailedWork, *, limit: int | None = None, groups: int = 20) -> Logic[FailedSummary]:
    """A dry run: how much fits, in groups with examples; `limit`: only the oldest so many. Changes nothing."""
    body = _body(filter=what.wire(), limit=limit, maxGroups=groups)
    answer = yield from succeeded(Ask("POST", f"{PATH}/dry-run", body, repeatable=True, beside=True), PATIENCE)
    return msgspec.json.decode(answer.body, type=FailedSummary)


def reprocess(
    what: FailedWork, *, retries: int = 1, rate_per_second: float | None = None, limit: int | None = None
) -> Logic[Reprocessing | None]:
    """Gives `retries` to what fits now, the oldest first, at most so many per second; `limit`: only the oldest so many. The
    run goes on by itself. None when nothing fits."""
    body = _body(filter=what.wire(), retries=retries, ratePerSecond=rate_per_second, limit=limit)
    answer: Answer = yield from succeeded(Ask("POST", PATH, body, beside=True), PATIENCE)
    return None if answer.status == NOTHING else _run(answer)


def reprocessing(id: str, *, failed_again: bool = False) -> Logic[Reprocessing]:
    """How far a run has come; `failed_again`: with how many of the retried ones stand still again."""
    path = _path(id) + ("?failedAgain=true" if failed_again else "")
    return _run((yield from succeeded(Ask("GET", path, repeatable=True, beside=True), PATIENCE)))


def reprocessings(*, most: int = 20) -> Logic[list[Reprocessing]]:
    """The latest runs, the newest first."""
    answer = yield from succeeded(Ask("GET", f"{PATH}?maxResults={most}", repeatable=True, beside=True), PATIENCE)
    return msgspec.json.decode(answer.body, type=list[Reprocessing])


def pause_reprocessing(id: str) -> Logic[Reprocessing]:
    """Pauses a run."""
    return (yield from _tell(id, "pause", repeatable=True))


def resume_reprocessing(id: str) -> Logic[Reprocessing]:
    """Lets a paused run go on."""
    return (yield from _tell(id, "resume", repeatable=True))


def cancel_reprocessing(id: str) -> Logic[Reprocessing]:
    """Ends a run; what it has not reached yet stays as it is."""
    return (yield from _tell(id, "cancel", repeatable=False))


def wait_for_reprocessing(id: str, *, poll_ms: int = 1_000) -> Logic[Reprocessing]:
    """Waits until a run does not go on by itself: it is completed, canceled or paused, or what remains needs a person. Asks
    every `poll_ms`; the last answer says how many stand still again."""
    while True:
        found = yield from reprocessing(id)
        if not found.is_under_way:
            return (yield from reprocessing(id, failed_again=True))
        yield Pause(poll_ms)


def _tell(id: str, verb: str, *, repeatable: bool) -> Logic[Reprocessing]:
    ask = Ask("POST", f"{_path(id)}/{verb}", b"", repeatable=repeatable, beside=True)
    return _run((yield from succeeded(ask, PATIENCE)))


def _path(id: str) -> str:
    return f"{PATH}/{quote(id, safe='')}"


def _body(**properties: Any) -> bytes:
    return msgspec.json.encode({name: value for name, value in properties.items() if value is not None})


def _run(answer: Answer) -> Reprocessing:
    return msgspec.json.decode(answer.body, type=Reprocessing)
