"""Long units: what has happened is packed as they go on, so that no unit holds all of it as objects.

Each part becomes a row of the log, before the row with the unit's end and in the same transaction. So a view is projected
part by part, and a unit of a million events takes about the memory of its packed log.
"""

import msgspec

from penstock.engine.definition import Definition
from penstock.engine.events import (
    ExternalTaskCompleted,
    ExternalTaskDeleted,
    ExternalTaskFailed,
    InstanceEvents,
    LogRow,
    pack_part,
)
from penstock.engine.state import Instance
from penstock.runtime.ready import Touched, changes_of, note
from penstock.store.protocol import AnyChange

PART_EVENTS = 500
"""Events of an instance after which a unit that goes on gives them away. A part is projected in one transaction, for which
commits wait on some stores."""

_SEEN = (ExternalTaskCompleted, ExternalTaskDeleted, ExternalTaskFailed)
"""What logs and traces tell after the commit."""


class Parts:
    """What was taken out of one unit. `packed`: rows of the log, in order; `seen`: see `Ticket.seen`."""

    def __init__(self) -> None:
        self.packed: list[bytes] = []
        self.seen: list[InstanceEvents] = []
        self._touched: dict[str, Touched | None] = {}

    def add(self, part: InstanceEvents) -> None:
        """Takes in what `Run.take_part` gave."""
        self.packed.append(pack_part(LogRow([part])))
        self._touched[part.instance] = note(self._touched.get(part.instance), part)
        seen = [event for event in part.events if isinstance(event, _SEEN)]
        if seen:
            self.seen.append(msgspec.structs.replace(part, events=seen))

    def ready_rows(self, last: InstanceEvents, instance: Instance, definition: Definition | None) -> list[AnyChange]:
        """The ready rows of the whole unit; `last`: what has happened since the last part."""
        touched = note(self._touched.get(last.instance), last)
        return [] if touched is None else changes_of(touched, instance, definition)
