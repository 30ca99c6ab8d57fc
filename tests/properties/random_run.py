"""A walk through a process: one thing after another is done to it, and after each all is checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from actions import FAILS, FORWARD, GROUPS, Action, World
from compensations import Compensations
from ledger import Ledger
from rows import Projection
from shape import check_calls, check_waits
from stopping import StoppingEngine
from tokens import Tokens
from written import BELL, DMN, GATE, VARIABLES

from penstock.base.errors import Failure, Refused
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine import migration_plan
from penstock.engine.apply import replay
from penstock.engine.definition import Definition
from penstock.engine.delegates import DelegateResult
from penstock.expr.script import ScriptResult, ScriptWrite
from penstock.expr.values import from_native

DRAIN_MAX = 250
"""Steps after which an instance that still goes forward is deleted: loops of several instances of loops are long."""


class Run:
    """One file of processes, one engine, and what must hold. `steps`: the names of what was done."""

    def __init__(self, xml: str, *, chunked: bool = False) -> None:
        self.xml = xml
        self.engine = StoppingEngine(chunked=chunked)
        self.engine.delegates["work"] = self.engine.delegates["${work}"] = self._work
        self.engine.scripts = lambda question: ScriptResult(
            writes=(ScriptWrite("execution", "setVariable", ("x2", 1)),)
        )
        self.engine.deploy_decisions(DMN)
        self.engine.deploy(xml)
        self.mood = ""
        self.lossy = False
        self.ids: set[str] = set()
        self.ledgers: dict[str, Ledger] = {}
        self.tokens: dict[str, Tokens] = {}
        self.compensations: dict[str, Compensations] = {}
        self.projection = Projection()
        self.steps: list[str] = []
        self.scheduled: int | None = None
        """How many of the steps were done before it was brought to its end."""
        self.names: dict[str, str] = {}
        self.world = World(self.engine, self.names)
        self._read: dict[str, int] = {}

    def _work(self, question: Any) -> DelegateResult:
        if self.mood == FAILS:
            raise Failure("the delegate is out of order", element_id=question.element)
        if self.mood:
            return DelegateResult(error=(self.mood, "thrown"))
        return DelegateResult(variables={"x3": 2})

    # ------------------------------------------------------------------------------------------ what can be done

    def offers(self, group: str) -> list[Action]:
        """What can be done in a group now, by names that occur once."""
        if group == "start":
            return list(self._starts())
        if group == "migrate":
            return list(self._migrations())
        seen: dict[str, int] = {}
        found = []
        for action in GROUPS[group][1](self.world):
            number = seen[action.name] = seen.get(action.name, 0) + 1
            name = f"{group}: {action.name}" + (f" #{number}" if number > 1 else "")
            found.append(_named(action, name))
        return found

    def _starts(self) -> Iterator[Action]:
        main = self.engine.latest("main")
        for event in (a for a in main.starts() if a.node is not None):
            for number in range(4):
                values = {name: (number + at) % 4 for at, name in enumerate(VARIABLES)} | {GATE: 0, BELL: 0}
                typed = {name: from_native(value) for name, value in values.items()} | {"many": from_native([1, 2])}
                start = c.StartInstance(
                    definition=main.id, start_event=event.id, business_key=f"B{number}", variables=typed
                )
                yield Action(f"start: {event.id} {number}", (start,))

    def _migrations(self) -> Iterator[Action]:
        """To another version of the same model; what cannot be migrated is refused."""
        for i in self.world.live:
            assert i.definition is not None
            source = self.engine.definitions[i.definition]
            for update in (False, True):
                name = f"migrate: {self.world.name(i)} {'updating' if update else 'keeping'} triggers"
                yield Action(name, (_Migrate(instance=i.id, source=source.id, update=update),))

    def _migration(self, wanted: _Migrate) -> c.Command:
        source = self.engine.definitions[wanted.source]
        target = self._other_version(source)
        plan = migration_plan.generate(source, target, update_event_triggers=wanted.update)
        migration_plan.check(source, target, plan, {})
        return c.MigrateInstance(instance=wanted.instance, source=source.id, target=target.id, instructions=tuple(plan))

    def _other_version(self, source: Definition) -> Definition:
        found = [d for d in self.engine.definitions.values() if d.key == source.key and d is not source]
        if not found:
            self.engine.deploy(self.xml)
            found = [d for d in self.engine.definitions.values() if d.key == source.key and d is not source]
        return found[-1]

    # ------------------------------------------------------------------------------------------ doing

    def walk(self, chance: Random, steps: int) -> None:
        """Starts an instance and does `steps` random things; a few runs start two."""
        self.perform(chance.choice(self.offers("start")))
        if chance.randrange(8) == 0:
            self.perform(chance.choice(self.offers("start")))
        groups = [*GROUPS, "migrate"]
        weights = [*(weight for weight, _ in GROUPS.values()), 2]
        for _ in range(steps):
            if not self.engine.instances:
                return
            for group in chance.choices(groups, weights, k=12):
                offers = self.offers(group)
                if offers:
                    self.perform(chance.choice(offers))
                    break

    def replay(self, steps: Sequence[str]) -> None:
        """Does what `steps` name, as far as it can be done."""
        for step in steps:
            if step.startswith(" "):
                continue
            found = [action for action in self.offers(step.split(":")[0]) if action.name == step]
            if found:
                self.perform(found[0])

    def drain(self) -> None:
        """Goes forward until nothing is live. An instance that cannot, though nothing was lost, is a defect."""
        self.scheduled = len(self.steps)
        self._resume()
        stuck = False
        for _ in range(DRAIN_MAX):
            actions = [action for group in FORWARD for action in self.offers(group) if action.forward]
            stuck = not actions
            if stuck:
                break
            # Timers last: they would fire over and over while somebody works.
            self.perform(min(actions, key=lambda action: action.due_ms or 0))
        left = list(self.engine.instances)
        assert not left or not stuck or self.lossy, f"{[self.engine.instances[id] for id in left]} cannot go on"
        for id in left:
            if id in self.engine.instances and self.engine.instances[id].super_instance is None:
                self._execute(c.DeleteInstance(instance=id, reason="left over"))
        self._check()
        assert not self.engine.instances, f"not deleted: {list(self.engine.instances)}"

    def _resume(self) -> None:
        for i in list(self.engine.instances.values()):
            for job in list(i.jobs.values()):
                if job.suspended and not i.suspended:
                    self._execute(c.ChangeJob(instance=i.id, job=job.id, changes={"suspended": False}))
            if i.suspended:
                self._execute(c.SetSuspension(instance=i.id, suspended=False))
        self._check()

    def perform(self, action: Action) -> None:
        """Does one thing; being refused is fine, as long as nothing has changed."""
        self.steps.append(action.name)
        if action.due_ms is not None:
            # One millisecond more: as in Camunda, the last time of a cycle comes again for as long as it is now.
            self.engine.clock.advance_ms(max(0, action.due_ms + 1 - self.engine.clock.now_ms()))
        self.lossy |= action.lossy
        self.mood = action.mood
        for command in action.commands:
            if action.injects and isinstance(command, c.InstanceCommand):
                self._inject(command.instance)
            self._execute(command)
        self.mood = ""
        self._check()

    def _inject(self, instance: str) -> None:
        """Its tokens, and those of every instance around, cannot be counted any more."""
        root = self.engine.instances[instance].root
        for id, i in self.engine.instances.items():
            if i.root == root:
                self.tokens[id].injected = self.compensations[id].injected = True

    def _execute(self, command: c.Command) -> None:
        before = {id: len(units) for id, units in self.engine.history.items()}
        try:
            self.engine.execute(self._migration(command) if isinstance(command, _Migrate) else command)
        except (Refused, Failure) as error:
            self.steps.append(f"  refused: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
            if not isinstance(command, c.ExecuteJob):
                after = {id: len(units) for id, units in self.engine.history.items()}
                assert after == before, "a unit that failed has left events"

    # ------------------------------------------------------------------------------------------ what must hold

    def _check(self) -> None:
        live = self.engine.instances
        for id, units in self.engine.history.items():
            read = self._read.get(id, 0)
            if read < len(units):
                for unit in units[read:]:
                    self._read_unit(unit)
                self._read[id] = len(units)
                if id in live:
                    definition = self.engine.definitions[live[id].definition or ""]
                    self.ledgers[id].check(live[id])
                    check_waits(live[id], definition, self.ledgers[id].revived)
                else:
                    self.ledgers[id].check_end()
        for id, tokens in self.tokens.items():
            if tokens.touched:
                i = live.get(id, self.engine.rebuilt[id])
                tokens.check(i, self.engine.definitions[i.definition or ""], lossy=self.lossy)
        check_calls(live)
        self.projection.check(live, self.ledgers)

    def _read_unit(self, unit: ev.InstanceEvents) -> None:
        id = unit.instance
        definition = self.engine.definitions[unit.definition or ""]
        if id not in self.names:
            number = 1 + sum(1 for name in self.names.values() if name.startswith(definition.key))
            self.names[id] = f"{definition.key}{number}"
            self.ledgers[id], self.tokens[id], self.compensations[id] = Ledger(id), Tokens(), Compensations()
        self.ledgers[id].read(unit, self.ids)
        self.tokens[id].read(unit, definition)
        self.compensations[id].read(unit, definition)
        self.projection.read(unit, self.engine.rebuilt[id], definition)

    def check_whole(self) -> None:
        """At the end: the log read from its beginning gives the same states and views, however it is cut."""
        for id, units in self.engine.history.items():
            assert replay(units) == self.engine.rebuilt[id], f"{id} replayed from the beginning"
            assert self.ledgers[id].ended, f"{id} has not ended"
        sizes = Random(len(self.projection.log))
        self.projection.check_cuts(sizes.randint(1, 6) for _ in self.projection.log)


class _Migrate(c.InstanceCommand, frozen=True, kw_only=True):
    """The wish to migrate; the plan is made when it is done."""

    source: str
    update: bool


def _named(action: Action, name: str) -> Action:
    return Action(name, action.commands, action.forward, action.lossy, action.injects, action.due_ms, action.mood)
