"""What to poll for next: topics without a bound in one long poll, those behind a gate each for as much as it allows.

A gate that allows nothing keeps its topics out of every poll: their tasks stay on the server, untouched and in order.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from penstock.worker.hand import Hand
from penstock.worker.topic import Gate, Topic

LOOK_S = 0.25
"""How often gates that let some tasks through are looked at again."""
LOOK_LEAST_S = 0.01


class Lane(msgspec.Struct, frozen=True):
    """A poll without waiting: the topics as JSON, and how many tasks."""

    body: bytes
    most: int


class Lanes:
    """The topics of a worker. `also`: variables that the worker itself needs."""

    def __init__(self, hand: Hand, topics: Iterable[Topic], *, also: Sequence[str]) -> None:
        self._hand = hand
        self._plain: list[bytes] = []
        self._gated: defaultdict[Gate, list[bytes]] = defaultdict(list)
        for topic in topics:
            body = msgspec.json.encode(topic.body(also=also))
            (self._plain if topic.gate is None else self._gated[topic.gate]).append(body)
        self._all = _array([*self._plain, *(body for bodies in self._gated.values() for body in bodies)])

    def narrow(self) -> list[Lane]:
        """One for each gate that is ajar and has not let through what it allows."""
        found = []
        for gate, bodies in self._gated.items():
            limit = gate.limit()
            if limit is not None and (free := limit - self._held(gate)) > 0:
                found.append(Lane(_array(bodies), free))
        return found

    def wide(self) -> bytes | None:
        """The topics that nothing bounds; None: there are none."""
        open_ = [gate for gate in self._gated if gate.limit() is None]
        if len(open_) == len(self._gated):
            return self._all if self._plain or open_ else None
        bodies = [*self._plain, *(body for gate in open_ for body in self._gated[gate])]
        return _array(bodies) if bodies else None

    def changes_in_s(self) -> float | None:
        """Seconds until another poll may be due; None: as long as it likes."""
        waits = []
        for gate in self._gated:
            limit = gate.limit()
            if limit is not None:
                waits.append(LOOK_S if limit else max(min(gate.opens_in_s(), 60.0), LOOK_LEAST_S))
        return min(waits, default=None if self._plain or self._gated else 60.0)

    def _held(self, gate: Gate) -> int:
        return sum(held.topic.gate is gate for held in self._hand)


def _array(bodies: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(bodies) + b"]"
