"""What goes over the wire."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec

from penstock.api import dates, problems
from penstock.api.dto import Body, Long
from penstock.api.http import Request
from penstock.base.errors import BadRequest
from penstock.runtime.reprocessing.groups import Alike
from penstock.runtime.reprocessing.runs import Run
from penstock.runtime.reprocessing.selection import Failed, Selection
from penstock.runtime.reprocessing.service import Look
from penstock.store.protocol import Row

GROUPS_DEFAULT, GROUPS_MAX = 20, 1_000
ERROR_CHARACTERS = 4_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Strict(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A body in which a misspelt name is refused: a condition that is passed over would let more in than was meant."""


class Filter(Strict, omit_defaults=True):
    """See `runtime.reprocessing.selection.Selection`. `createdAfter`: at that moment or later."""

    topic_name: str | None = None
    process_definition_key: str | None = None
    process_definition_version: Long | None = None
    process_definition_id: str | None = None
    activity_id: str | None = None
    incident_type: str | None = None
    error_message: str | None = None
    created_after: str | None = None
    created_before: str | None = None
    business_key: str | None = None
    process_instance_ids: list[str] | None = None
    tenant_id: str | None = None
    all: bool = False

    def selection(self) -> Selection:
        """What it means. Raises BadRequest."""
        return Selection(
            topic=self.topic_name,
            definition_key=self.process_definition_key,
            definition_version=self.process_definition_version,
            definition_id=self.process_definition_id,
            activity=self.activity_id,
            incident_type=self.incident_type,
            error=self.error_message,
            from_ms=_moment("createdAfter", self.created_after),
            before_ms=_moment("createdBefore", self.created_before),
            business_key=self.business_key,
            instances=None if self.process_instance_ids is None else tuple(self.process_instance_ids),
            tenant=self.tenant_id,
            everything=self.all,
        )


class Inspect(Strict):
    """What a dry run takes. `maxGroups`: how many groups are told."""

    filter: Filter = msgspec.field(default_factory=Filter)
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_groups: Annotated[int, msgspec.Meta(ge=1, le=GROUPS_MAX)] = GROUPS_DEFAULT


class Order(Strict):
    """A run to make."""

    filter: Filter = msgspec.field(default_factory=Filter)
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    retries: Long = 1
    rate_per_second: float | None = None


S = TypeVar("S", bound=Strict)


def read(request: Request, kind: type[S]) -> S:
    """The body. Raises BadRequest that names what does not fit."""
    try:
        return msgspec.convert(request.object(), kind)
    except problems.Problem as problem:
        raise BadRequest(problem.message or "The body is no JSON object") from None
    except msgspec.ValidationError as error:
        raise BadRequest(f"The body does not fit: {error}") from None


def _moment(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    found = dates.parse(text)
    if found is None:
        found = _with_zone(text)
    if found is None:
        raise BadRequest(f"{name} is {text!r}: write a moment with its zone, such as 2026-01-31T12:00:00+01:00")
    return found


def _with_zone(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


def filter_of(selection: Selection) -> Filter:
    """A filter as it was given, moments in UTC."""
    return Filter(
        topic_name=selection.topic,
        process_definition_key=selection.definition_key,
        process_definition_version=selection.definition_version,
        process_definition_id=selection.definition_id,
        activity_id=selection.activity,
        incident_type=selection.incident_type,
        error_message=selection.error,
        created_after=dates.write(selection.from_ms),
        created_before=dates.write(selection.before_ms),
        business_key=selection.business_key,
        process_instance_ids=None if selection.instances is None else list(selection.instances),
        tenant_id=selection.tenant,
        all=selection.everything,
    )


# ------------------------------------------------------------------------------------------ answers


class ExampleDto(Body):
    """One failed job or external task (`id`)."""

    id: str
    incident_id: str
    process_instance_id: str | None
    error_message: str | None
    created: str | None


class GroupDto(Body):
    """What has failed at one place for the same reason. `error`: the message with `#` for numbers and ids."""

    process_definition_key: str | None
    process_definition_version: int | None
    process_definition_id: str | None
    activity_id: str | None
    incident_type: str
    topic_name: str | None
    error: str | None
    count: int
    oldest: str | None
    newest: str | None
    examples: list[ExampleDto]


class LookDto(Body):
    """`grouped`: how many belong to the groups that are told."""

    count: int
    grouped: int
    groups: list[GroupDto]


class RunDto(Body):
    """See `runtime.reprocessing.runs.Run`. Its id is that of a batch."""

    id: str
    state: str
    filter: Filter
    retries: int
    rate_per_second: float | None
    total: int
    retried: int
    skipped: int
    failed: int
    remaining: int
    retried_per_second: float
    failed_again: int | None
    create_user_id: str | None
    start_time: str | None
    end_time: str | None


def look(found: Look, most: int) -> LookDto:
    """A dry run as clients see it."""
    groups = [_group(group, found.definitions) for group in found.groups.largest(most)]
    return LookDto(count=found.count, grouped=sum(group.count for group in groups), groups=groups)


def _group(group: Alike, definitions: Mapping[str, Row]) -> GroupDto:
    definition: Mapping[str, Any] = definitions.get(group.definition or "", {})
    return GroupDto(
        process_definition_key=definition.get("key"),
        process_definition_version=definition.get("version"),
        process_definition_id=group.definition,
        activity_id=group.activity,
        incident_type=group.type,
        topic_name=group.topic,
        error=group.error,
        count=group.count,
        oldest=dates.write(group.oldest_ms),
        newest=dates.write(group.newest_ms),
        examples=[_example(one) for one in group.examples],
    )


def _example(one: Failed) -> ExampleDto:
    return ExampleDto(
        id=one.id,
        incident_id=one.incident,
        process_instance_id=one.instance,
        error_message=None if one.error is None else one.error[:ERROR_CHARACTERS],
        created=dates.write(one.created_ms),
    )


def run(found: Run) -> RunDto:
    """A run as clients see it."""
    return RunDto(
        id=found.id,
        state=found.state.value,
        filter=filter_of(found.selection),
        retries=found.retries,
        rate_per_second=found.rate,
        total=found.total,
        retried=found.retried,
        skipped=found.skipped,
        failed=found.failed,
        remaining=found.remaining,
        retried_per_second=round(found.per_second, 1),
        failed_again=found.failed_again,
        create_user_id=found.user,
        start_time=dates.write(found.started_ms),
        end_time=dates.write(found.ended_ms),
    )
