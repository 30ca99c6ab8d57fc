"""Which mappings of a migration plan are valid: one function per rule (Camunda 7 `MigrationInstructionValidator`s), in
Camunda's order and words. Each returns what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from penstock.engine.commands import MigrationInstruction
from penstock.engine.definition import Activity
from penstock.engine.migration_behavior import (
    behavior_of,
    event_scope,
    has_trigger,
    is_body,
    is_compensation_boundary,
    is_conditional,
    is_event,
    is_synchronizing,
    timeouts,
)


class Mapping:
    """An instruction with its two activities found."""

    __slots__ = ("source", "target", "update_event_trigger")

    def __init__(self, source: Activity, target: Activity, update_event_trigger: bool) -> None:
        self.source = source
        self.target = target
        self.update_event_trigger = update_event_trigger

    def instruction(self) -> MigrationInstruction:
        """As a plan holds it."""
        return MigrationInstruction(
            source=self.source.id, target=self.target.id, update_event_trigger=self.update_event_trigger
        )

    def __str__(self) -> str:
        return (
            f"ValidatingMigrationInstructionImpl{{sourceActivity=Activity({self.source.id}), "
            f"targetActivity=Activity({self.target.id})}}"
        )


class Mappings:
    """All mappings of a plan, found by their source and by their target."""

    def __init__(self, source: str, target: str, mappings: Iterable[Mapping] = ()) -> None:
        """`source`, `target`: ids of the two definitions."""
        self.source = source
        self.target = target
        self.all: list[Mapping] = []
        self._by_source: dict[str, list[Mapping]] = {}
        self._by_target: dict[str, list[Mapping]] = {}
        for mapping in mappings:
            self.add(mapping)

    def add(self, mapping: Mapping) -> None:
        self.all.append(mapping)
        self._by_source.setdefault(mapping.source.id, []).append(mapping)
        self._by_target.setdefault(mapping.target.id, []).append(mapping)

    def of_source(self, a: Activity) -> list[Mapping]:
        return [] if a.is_process else self._by_source.get(a.id, [])

    def of_target(self, a: Activity) -> list[Mapping]:
        return [] if a.is_process else self._by_target.get(a.id, [])


Rule = Callable[[Mapping, Mappings], list[str]]

_EQUIVALENT = frozenset({"SubProcessActivityBehavior", "EventSubProcessActivityBehavior"})


def same_behavior(m: Mapping, _: Mappings) -> list[str]:
    source, target = behavior_of(m.source), behavior_of(m.target)
    if source == target or {source, target} == _EQUIVALENT:
        return []
    return [f"Activities have incompatible types ({source} is not compatible with {target})"]


def same_event_type(m: Mapping, _: Mappings) -> list[str]:
    if is_event(m.source) and is_event(m.target) and m.source.type != m.target.type:
        return [f"Events are not of the same type ({m.source.type} != {m.target.type})"]
    return []


def only_once(m: Mapping, all: Mappings) -> list[str]:
    found = all.of_source(m.source)
    if len(found) < 2:
        return []
    return [f"There are multiple mappings for source activity id '{m.source.id}': {', '.join(map(str, found))}"]


def no_new_body(m: Mapping, all: Mappings) -> list[str]:
    at = m.target.parent
    while at is not None and not all.of_target(at):
        if is_body(at):
            return [
                f"Target activity '{m.target.id}' is a descendant of multi-instance body '{at.id}' that is not mapped "
                "from the source process definition."
            ]
        at = at.parent
    return []


def inner_is_mapped_to(m: Mapping, all: Mappings) -> list[str]:
    inner = m.target.inner
    if inner is not None and not all.of_target(inner):
        return ["Must map the inner activity of a multi-instance body when the body is mapped"]
    return []


def inner_is_mapped(m: Mapping, all: Mappings) -> list[str]:
    inner = m.source.inner
    if inner is not None and not all.of_source(inner):
        return ["Cannot remove the inner activity of a multi-instance body when the body is mapped"]
    return []


def gateway(m: Mapping, all: Mappings) -> list[str]:
    """More tokens than flows must never arrive at a gateway that waits for all of them."""
    if not is_synchronizing(m.target):
        return []
    found = []
    if m.source.incoming > m.target.incoming:
        found.append(
            "The target gateway must have at least the same number of incoming sequence flows that the source gateway has"
        )
    scope = m.source.parent
    if scope is not None and not scope.is_process and not all.of_source(scope):
        found.append(f"The gateway's flow scope '{scope.id}' must be mapped")
    if len(all.of_target(m.target)) > 1:
        found.append(f"Only one gateway can be mapped to gateway '{m.target.id}'")
    return found


def same_event_scope(m: Mapping, all: Mappings) -> list[str]:
    """What a boundary event is attached to must be mapped to what the target is attached to."""
    if is_compensation_boundary(m.source):
        return []
    source = event_scope(m.source)
    if source is None or source is m.source.parent:
        return []
    target = event_scope(m.target)
    if target is None:
        if timeouts(m.source):
            return []
        return [
            f"The source activity's event scope ({source.id}) must be mapped but the target activity has no event scope"
        ]
    mapped = all.of_source(source)
    if target.is_process if source.is_process else mapped and mapped[0].target.id == target.id:
        return []
    from_id = all.source if source.is_process else source.id
    to_id = all.target if target.is_process else target.id
    return [
        f"The source activity's event scope ({from_id}) must be mapped to the target activity's event scope ({to_id})"
    ]


def trigger_to_update(m: Mapping, _: Mappings) -> list[str]:
    if m.update_event_trigger and not has_trigger(m.source):
        return ["Cannot update event trigger because the activity does not define a persistent event trigger"]
    return []


def additional_scopes(m: Mapping, all: Mappings) -> list[str]:
    """Scopes may be added and removed, but not reordered."""
    at = m.source.parent
    while at is not None and not all.of_source(at):
        at = at.parent
    if at is None:
        return []
    target = all.of_source(at)[0].target
    if m.target is not target and m.target.within(target):
        return []
    return [
        f"The closest mapped ancestor '{at.id}' is mapped to scope '{target.id}' which is not an ancestor of target scope "
        f"'{m.target.id}'"
    ]


def condition_is_updated(m: Mapping, _: Mappings) -> list[str]:
    if is_conditional(m.source) and not m.update_event_trigger:
        return ["Conditional event has to migrate with update event trigger."]
    return []


RULES: tuple[Rule, ...] = (
    same_behavior,
    same_event_type,
    only_once,
    no_new_body,
    inner_is_mapped_to,
    inner_is_mapped,
    gateway,
    same_event_scope,
    trigger_to_update,
    additional_scopes,
    condition_is_updated,
)

GENERATING: tuple[Rule, ...] = tuple(rule for rule in RULES if rule not in (inner_is_mapped, inner_is_mapped_to))
"""Rules while a plan is generated from the outside in: an inner activity is mapped after its body."""


def failures(m: Mapping, all: Mappings, rules: tuple[Rule, ...] = RULES) -> list[str]:
    """Everything that is wrong with one mapping."""
    return [text for rule in rules for text in rule(m, all)]


def filtered(all: Mappings, rules: tuple[Rule, ...]) -> Mappings:
    """Only the valid ones, each judged beside all of them."""
    return Mappings(all.source, all.target, (m for m in all.all if not failures(m, all, rules)))
