"""Tokens are conserved: every arrival at a node is a departure from one before it, in each scope for itself.

Counted from the events and from where live paths wait, against the sequence flows of the model. An interrupted scope
loses tokens and gets none; `lossy` says that a path may also have ended without a way on (an error that nobody caught).
"""

from __future__ import annotations

from collections import Counter, defaultdict

from penstock.engine import events as ev
from penstock.engine.definition import Activity, Definition
from penstock.engine.state import Execution, Instance, Phase

Place = tuple[str, str]
"""(activity instance of the scope, activity)."""


class Tokens:
    """The arrivals and departures of one instance."""

    def __init__(self) -> None:
        self.started: Counter[Place] = Counter()
        self.done: Counter[Place] = Counter()
        self.scope_of: dict[str, str] = {}
        """Open activity instance → the scope that it lies in."""
        self.torn: set[str] = set()
        """Scopes in which something was interrupted."""
        self.touched: set[str] = set()
        self.injected = False
        """Whether tokens were put somewhere from outside."""

    def read(self, unit: ev.InstanceEvents, definition: Definition) -> None:
        """Takes in one unit."""
        for event in unit.events:
            if isinstance(event, ev.ActivityStarted):
                scope = event.parent_activity_instance
                self.started[scope, event.activity] += 1
                self.scope_of[event.activity_instance] = scope
                self.touched.add(scope)
                if _tears(definition.activities[event.activity]):
                    self.torn.add(scope)
            elif isinstance(event, ev.ActivityEnded):
                scope = self.scope_of.pop(event.activity_instance, "")
                self.touched.add(scope)
                if event.canceled:
                    self.torn.add(event.activity_instance)
                else:
                    self.done[scope, event.activity] += 1
            elif isinstance(event, ev.InstanceEnded) and event.state is not ev.InstanceState.COMPLETED:
                self.torn.add(unit.instance)

    def check(self, instance: Instance, definition: Definition, *, lossy: bool) -> None:
        """The balance of every scope that the last units have touched."""
        touched, self.touched = self.touched, set()
        if self.injected:
            return
        waiting: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for x in instance.executions.values():
            if x.phase in (Phase.BEFORE, Phase.AFTER) and x.activity is not None:
                waiting[_scope_instance(instance, x)][_heads_for(definition, x)] += 1
        present: defaultdict[str, list[str]] = defaultdict(list)
        for scope, activity in self.started:
            if scope in touched:
                present[scope].append(activity)
        for scope in touched:
            nodes = {definition.activities[id] for id in (*present[scope], *waiting[scope]) if id}
            self._check_scope(scope, nodes, waiting[scope], lossy=lossy)

    def _check_scope(self, scope: str, nodes: set[Activity], waiting: Counter[str], *, lossy: bool) -> None:
        arrivals = {a: self.started[scope, a.id] + waiting[a.id] for a in nodes if _counts(a)}
        fewest: Counter[Activity] = Counter()
        most: Counter[Activity] = Counter()
        low = high = 0
        for a in nodes:
            if a.kind.name == "eventBasedGateway":
                continue
            least, all_ = self._departures(scope, a)
            low, high = low + least, high + all_
            for out in a.outgoing:
                most[out.target] += all_ // len(a.outgoing) if _takes_all(a) else all_
                fewest[out.target] += least // len(a.outgoing) if _takes_all(a) else 0
        for a in {*arrivals, *fewest}:
            if not _counts(a):
                continue
            came = arrivals.get(a, 0)
            assert came <= most[a], f"{came} tokens came to {a.id} in {scope}, and {most[a]} were sent"
            if not lossy and scope not in self.torn:
                assert came >= fewest[a], f"{came} tokens came to {a.id} in {scope}, and {fewest[a]} were sent"
        total = sum(arrivals.values())
        assert total <= high, f"{total} tokens came in {scope}, and at most {high} were sent"
        if not lossy and scope not in self.torn:
            assert total >= low, f"{total} tokens came in {scope}, and at least {low} were sent"

    def _departures(self, scope: str, a: Activity) -> tuple[int, int]:
        """(fewest, most) tokens that `a` has sent on."""
        done = self.done[scope, a.id]
        if a.kind.name == "parallelGateway":
            # Every token that arrives has an instance; those that come together end together.
            times, left = divmod(done, max(a.incoming, 1))
            assert not left or scope in self.torn, f"{a.id} in {scope}: {done} tokens of {a.incoming} flows have joined"
            return times * len(a.outgoing), times * len(a.outgoing)
        if a.kind.name == "inclusiveGateway":
            return min(done, 1), done * len(a.outgoing)
        if a.kind.name == "exclusiveGateway":
            return done, done
        if _takes_all(a):
            return done * len(a.outgoing), done * len(a.outgoing)
        return done, done * len(a.outgoing)


def _takes_all(a: Activity) -> bool:
    return a.kind.name == "parallelGateway" or (
        a.kind.name not in ("exclusiveGateway", "inclusiveGateway")
        and all(out.flow.condition is None and out is not a.default_flow for out in a.outgoing)
    )


def _counts(a: Activity) -> bool:
    """Whether tokens come to `a` along sequence flows only: events behind an event-based gateway come by themselves."""
    return a.incoming > 0 and (a.event_scope is None or a.attached_to is not None)


def _tears(a: Activity) -> bool:
    if a.node is None:
        return False
    if a.node.triggered_by_event:
        return any(child.node is not None and child.node.interrupting for child in a.children)
    return a.node.kind == "endEvent" and a.trigger is not None and a.trigger.kind.value in ("terminate", "cancel")


def _scope_instance(instance: Instance, x: Execution) -> str:
    at = x
    while at.kind is ev.ExecutionKind.PATH or at.scope_instance is None:
        at = instance.executions[at.parent or ""]
    return at.scope_instance


def _heads_for(definition: Definition, x: Execution) -> str:
    """Where a waiting token comes next; "" for one that has nowhere to go."""
    if x.phase is Phase.BEFORE:
        return x.activity or ""
    return definition.flows[x.flow].target.id if x.flow else ""
