"""Random models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from blocks import (
    CATCHES,
    LISTENERS,
    THROWS,
    WAITING,
    WORK,
    Activity,
    Block,
    Boundary,
    Call,
    Choice,
    Compensated,
    Continuation,
    Event,
    Fork,
    Leaf,
    Link,
    Listening,
    Loop,
    Model,
    Process,
    Repeat,
    Sequential,
    Sub,
    Throwing,
    Undoable,
)
from written import VARIABLES

_T = TypeVar("_T")

_QUICK = ("plain", "delegate", "user", "external")
_CATCHING = ("timer", "cycle", "message", "signal", "bell", "error")
_OF_SCOPES = (*_CATCHING, "escalation", "anyError", "otherError", "anyEscalation")
_ALWAYS_INTERRUPT = ("error", "anyError", "otherError")
_ENDS = ("none", "none", "none", "terminate", "error", "escalation", "signal", "sent", "asked", "compensate")
_ENDS_OF_SUBS = ("none", "none", "none", "error", "terminate", "escalation", "compensate", "signal")
_ENOUGH = (None, None, "nrOfCompletedInstances >= 1", "nrOfCompletedInstances >= 2", "x1 == 2")
DEPTH = 2
"""How deep blocks of the main process are nested."""


def random_model(chance: Random) -> Model:
    """A model; the same for the same state of `chance`."""
    return _Models(chance).model()


class _Models:
    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.pick = chance.choice

    def one_in(self, n: int) -> bool:
        return self.chance.randrange(n) == 0

    def maybe(self, make: Callable[[], _T], n: int = 2) -> _T | None:
        """One in `n` times something."""
        return make() if self.one_in(n) else None

    def several(self, make: Callable[[], _T], fewest: int, most: int) -> tuple[_T, ...]:
        return tuple(make() for _ in range(self.chance.randint(fewest, most)))

    def some(self, of: Sequence[str], most: int) -> list[str]:
        return self.chance.sample(of, self.chance.randint(0, most))

    # ------------------------------------------------------------------------------------------ small

    def continuation(self) -> Continuation:
        if not self.one_in(3):
            return Continuation()
        retries = 1 if self.one_in(3) else 0
        return Continuation(self.one_in(2), self.one_in(2), not self.one_in(3), retries)

    def leaf(self, kinds: Sequence[str]) -> Leaf:
        return Leaf(self.pick(kinds), self.continuation(), self.one_in(3), self.pick(LISTENERS))

    def quick(self) -> Leaf:
        return Leaf(self.pick(_QUICK))

    def event(self) -> Event:
        if self.one_in(2):
            return Event(self.pick(CATCHES), True, self.continuation())
        return Event(self.pick(THROWS), False, self.continuation())

    def repeat(self) -> Repeat:
        return Repeat(
            self.one_in(2), self.pick((1, 2, 2, 3, 3, 0, "many")), self.pick(_ENOUGH), self.one_in(4), self.one_in(4)
        )

    def boundaries(self, kinds: Sequence[str] = _OF_SCOPES) -> tuple[Boundary, ...]:
        return tuple(Boundary(*how, self.maybe(self.quick)) for how in self._catching(kinds))

    def listening(self) -> tuple[Listening, ...]:
        if not self.one_in(3):
            return ()
        ends = ("none", "none", "terminate", "escalation")
        return tuple(Listening(*how, self.maybe(self.quick), self.pick(ends)) for how in self._catching(_OF_SCOPES))

    def _catching(self, kinds: Sequence[str]) -> list[tuple[str, bool]]:
        """(kind, interrupting); escalations at most once, as catching any clashes with catching one."""
        found: list[tuple[str, bool]] = []
        for kind in self.some(kinds, 2):
            if "scalation" in kind and any("scalation" in other for other, _ in found):
                continue
            found.append((kind, kind in _ALWAYS_INTERRUPT or (kind != "cycle" and self.one_in(2))))
        return found

    # ------------------------------------------------------------------------------------------ blocks

    def activity(self) -> Activity:
        return Activity(self.leaf(WAITING), self.boundaries(_CATCHING), self.maybe(self.repeat, 3))

    def choice(self) -> Choice:
        events = tuple(self.chance.sample(("timer", "message", "signal", "gate"), self.chance.randint(2, 3)))
        return Choice(events, tuple(self.maybe(self.quick) for _ in events))

    def undoable(self) -> Undoable:
        around = self.pick(("", "", "sub", "many", "loop"))
        return Undoable(self.leaf(WORK), self.quick(), around, self.maybe(self.repeat, 4), self.one_in(3))

    def compensated(self) -> Compensated:
        return Compensated(
            self.several(self.undoable, 1, 3),
            self.one_in(2),
            self.pick(("throw", "end", "cancel", "after", "event", "never")),
            self.maybe(self.repeat, 3),
            self.listening(),
        )

    def call(self, level: int) -> Call:
        return Call(level, self.boundaries(), self.continuation(), self.maybe(self.repeat, 3), self.one_in(2))

    def block(self, depth: int, level: int | None) -> Block:
        """Nested at most `depth` deep; `level`: of the process that call activities call; None: there are none."""
        kind = self.chance.randrange(6 + (level is not None) + (5 if depth else 0))
        if level is None and kind >= 6:
            kind += 1
        inner = depth - 1
        match kind:
            case 0:
                return self.leaf(WORK)
            case 1:
                return self.event()
            case 2:
                return self.activity()
            case 3:
                return self.choice()
            case 4:
                return self.compensated()
            case 5:
                return Link(self.maybe(self.quick))
            case 6:
                assert level is not None
                return self.call(level)
            case 7:
                return Sequential(self.several(lambda: self.block(inner, level), 2, 4))
            case 8:
                kinds = ("exclusive", "inclusive", "parallel", "parallel", "split")
                branches = self.several(lambda: self.maybe(lambda: self.block(inner, level), 1 + self.one_in(3)), 2, 3)
                return Fork(self.pick(kinds), branches, self.pick(VARIABLES), self.continuation())
            case 9:
                return Loop(self.block(inner, level), self.chance.randint(1, 3))
            case _:
                return Sub(
                    self.block(inner, level),
                    self.boundaries(),
                    self.pick(_ENDS_OF_SUBS),
                    self.continuation(),
                    self.maybe(self.repeat, 3),
                    self.listening(),
                )

    def part(self) -> Block:
        return Throwing() if self.one_in(10) else self.block(DEPTH, 0)

    def model(self) -> Model:
        start = self.pick(("none", "none", "message", "signal"))
        main = Sequential(self.several(self.part, 1, 3))
        return Model(
            Process(main, self.pick(_ENDS), self.listening(), self.one_in(8), start),
            Process(self.block(1, 1), self.pick(_ENDS), self.listening()),
            Process(self.block(0, None), self.pick(_ENDS), self.listening()),
        )
