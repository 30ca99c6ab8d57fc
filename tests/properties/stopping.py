"""An engine that forgets its state after every unit of work and builds it again from the packed log."""

from __future__ import annotations

import msgspec
from msgspec import structs

from penstock.engine import codec
from penstock.engine.apply import apply
from penstock.engine.events import InstanceEvents, LogRow, pack, unpack
from penstock.engine.state import Instance
from penstock.engine.unit import Unit
from penstock.testing.engine import Engine

_encode = msgspec.msgpack.Encoder().encode
_RECORDS = ("executions", "tasks", "external_tasks", "jobs", "subscriptions", "incidents")


def _ordered(instance: Instance) -> bytes:
    """The state as bytes, in which the order counts that children, jobs and subscriptions have at their execution: what is
    done next depends on it. It counts not in which order the records of the whole instance are stored."""
    return _encode(
        structs.replace(instance, **{name: dict(sorted(getattr(instance, name).items())) for name in _RECORDS})
    )


class StoppingEngine(Engine):
    """Every unit starts from `rebuilt`, which knows the log only. `chunked`: and has been stored in chunks."""

    def __init__(self, *, chunked: bool = False) -> None:
        super().__init__(checked=True)
        self.rebuilt: dict[str, Instance] = {}
        self.chunked = chunked

    def _adopt(self, unit: Unit, id: str) -> bool:
        if id not in self.instances:
            return False
        if id not in unit.runs:
            copy = _stored(self.rebuilt[id], chunked=self.chunked)
            unit.adopt(copy, self.definitions[copy.definition] if copy.definition is not None else None)
        return True

    def _check(self, instance: Instance, id: str) -> None:
        self._follow(self.history[id][-1])
        rebuilt = self.rebuilt[id]
        assert _ordered(rebuilt) == _ordered(instance), (
            f"the replayed state of {id} differs from the live one:\n{rebuilt}\n{instance}"
        )
        for chunked in (False, True):
            stored = _stored(instance, chunked=chunked)
            assert _ordered(stored) == _ordered(instance), (
                f"packing the state of {id} changes it:\n{stored}\n{instance}"
            )

    def _follow(self, live: InstanceEvents) -> None:
        (unit,) = unpack(pack(LogRow([live]))).units
        found = self.rebuilt.get(unit.instance)
        if found is None:
            found = Instance(id=unit.instance, root=unit.root, definition=unit.definition, tenant=unit.tenant)
            self.rebuilt[unit.instance] = found
        for event in unit.events:
            apply(found, event, unit.at_ms)
        found.revision, found.definition = unit.revision, unit.definition


def _stored(instance: Instance, *, chunked: bool) -> Instance:
    """As it comes back from the store; `chunked`: however small it is."""
    if not chunked:
        return codec.decode(*codec.encode(instance))
    whole, codec.HEAD_BYTES_MAX = codec.HEAD_BYTES_MAX, 0
    try:
        return codec.decode(*codec.encode(instance))
    finally:
        codec.HEAD_BYTES_MAX = whole
