"""How an instance is stored: a small one whole in its head, a large one in a head and chunks.

A chunk holds executions with everything that waits at them, but without their children, of which there may be any number:
`children` is made from `parent` and `place` again. A large value of a variable has a chunk of its own, so that it is not
written again with what lies beside it. `encode_changed` packs only chunks that hold something that was touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from penstock.engine.state import Execution, ExternalTask, Incident, Instance, Job, Subscription, Task, Variable
from penstock.engine.touched import Touched
from penstock.expr.values import TypedValue

HEAD_BYTES_MAX = 4096
"""An instance that packs into this stays whole."""

EXECUTIONS_PER_CHUNK = 8

VALUE_BYTES_MAX = 1024
"""A longer value has a chunk of its own."""

LAYOUT = 1
"""0: as release 0.1 wrote chunks, with children and all values in them."""

_LOOSE = 0
"""The chunk of what waits at no execution. Those of executions have positive numbers, those of values negative ones."""


class _Chunk(msgspec.Struct, array_like=True, omit_defaults=True):
    executions: list[Execution] = []
    tasks: list[Task] = []
    external_tasks: list[ExternalTask] = []
    jobs: list[Job] = []
    subscriptions: list[Subscription] = []
    incidents: list[Incident] = []
    layout: int = 0
    values: dict[str, TypedValue] = {}
    """By variable id."""


_ELSEWHERE = TypedValue("")
"""Stands for a value that has a chunk of its own."""

_encoder = msgspec.msgpack.Encoder()
_instance_decoder = msgspec.msgpack.Decoder(Instance)
_chunk_decoder = msgspec.msgpack.Decoder(_Chunk)


def encode(instance: Instance) -> tuple[bytes, dict[int, bytes]]:
    """(head, all chunks by number). A chunk's number depends on the order in which executions were created."""
    head = _encoder.encode(instance)
    return (head, {}) if len(head) <= HEAD_BYTES_MAX else encode_in_chunks(instance)


def encode_in_chunks(instance: Instance) -> tuple[bytes, dict[int, bytes]]:
    """As `encode`, however small the instance is."""
    members: dict[int, list[str]] = {}
    for id in instance.executions:
        members.setdefault(_chunk_of(id), []).append(id)
    values: dict[str, TypedValue] = {}
    packed = {number: _packed(instance, sorted(ids), values) for number, ids in members.items()}
    chunks = {number: chunk for number, chunk in packed.items() if chunk is not None}
    loose = _loose(instance)
    if loose is not None:
        chunks[_LOOSE] = loose
    by_number: dict[int, dict[str, TypedValue]] = {}
    for id, value in values.items():
        by_number.setdefault(_chunk_of_value(id), {})[id] = value
    chunks.update((number, _pack_values(some)) for number, some in by_number.items())
    return _head(instance), chunks


def encode_changed(
    instance: Instance, before: Mapping[int, bytes], touched: Touched
) -> tuple[bytes, dict[int, bytes | None]] | None:
    """(head, chunks that differ from those `before`; None: there is none of this number any more). None when the whole has to
    be packed: everything was touched, or what was there has an older layout."""
    if touched.everything or _is_old(before, touched):
        return None
    members: dict[int, dict[str, None]] = {}
    for id in touched.executions:
        members.setdefault(_chunk_of(id), {})[id] = None
    elsewhere: set[str] = set()
    values: dict[str, TypedValue] = {}
    changed: dict[int, bytes | None] = {}
    for number, ids in members.items():
        old = before.get(number)
        if old is not None:
            chunk = _chunk_decoder.decode(old)
            if chunk.layout != LAYOUT:
                return None
            for x in chunk.executions:
                ids[x.id] = None
                elsewhere.update(found.id for found in x.variables.values() if found.value.type == "")
        _note(changed, before, number, _packed(instance, sorted(ids), values))
    if touched.loose:
        _note(changed, before, _LOOSE, _loose(instance))
    if elsewhere or values:
        _change_values(changed, before, touched, elsewhere, values)
    return _head(instance), changed


def _is_old(before: Mapping[int, bytes], touched: Touched) -> bool:
    """Whether the chunks have an older layout and none that is read anyway shows it. A new head says that the places of
    children are known, which old chunks do not. All chunks of an instance have one layout."""
    if any(_chunk_of(id) in before for id in touched.executions):
        return False
    some = next(iter(before.values()), None)
    return some is not None and _chunk_decoder.decode(some).layout != LAYOUT


def _note(changed: dict[int, bytes | None], before: Mapping[int, bytes], number: int, chunk: bytes | None) -> None:
    if before.get(number) != chunk:
        changed[number] = chunk


def _change_values(
    changed: dict[int, bytes | None],
    before: Mapping[int, bytes],
    touched: Touched,
    elsewhere: set[str],
    values: dict[str, TypedValue],
) -> None:
    """`elsewhere`: the variables at the touched executions that had chunks of their own; `values`: those that have."""
    new = [id for id in values if id not in elsewhere or id in touched.variables]
    gone = [id for id in elsewhere if id not in values]
    for number in {_chunk_of_value(id) for id in (*new, *gone)}:
        old = before.get(number)
        held = {} if old is None else dict(_chunk_decoder.decode(old).values)
        for id in gone:
            held.pop(id, None)
        held.update((id, values[id]) for id in new if _chunk_of_value(id) == number)
        _note(changed, before, number, _pack_values(held) if held else None)


def _head(instance: Instance) -> bytes:
    return _encoder.encode(
        msgspec.structs.replace(
            instance, executions={}, tasks={}, external_tasks={}, jobs={}, subscriptions={}, incidents={}
        )
    )


def _packed(instance: Instance, ids: Iterable[str], values: dict[str, TypedValue]) -> bytes | None:
    """The chunk of those of the executions that live; None when none does. Long values are put into `values`."""
    chunk = _Chunk([], [], [], [], [], [], LAYOUT)
    for id in ids:
        x = instance.executions.get(id)
        if x is not None:
            chunk.executions.append(_bare(x, values))
            for target, parts, source in _parts(instance, chunk, x):
                target.extend(source[part] for part in parts)
    return _encoder.encode(chunk) if chunk.executions else None


def _bare(x: Execution, values: dict[str, TypedValue]) -> Execution:
    """Without its children and long values."""
    long = {name: found for name, found in x.variables.items() if _is_long(found.value)}
    if not long:
        return msgspec.structs.replace(x, children={}) if x.children else x
    values.update((found.id, found.value) for found in long.values())
    stubs = {name: Variable(found.id, _ELSEWHERE, found.revision) for name, found in long.items()}
    return msgspec.structs.replace(x, children={}, variables={**x.variables, **stubs})


def _is_long(value: TypedValue) -> bool:
    held = value.value
    return isinstance(held, str | bytes) and len(held) > VALUE_BYTES_MAX


def _loose(instance: Instance) -> bytes | None:
    """The chunk of what waits at no execution; None: nothing does."""
    owned = {id for execution in instance.executions.values() for id in (*execution.tasks, *execution.jobs)}
    tasks = [task for id, task in instance.tasks.items() if id not in owned]
    jobs = [job for id, job in instance.jobs.items() if id not in owned]
    return _encoder.encode(_Chunk(tasks=tasks, jobs=jobs, layout=LAYOUT)) if tasks or jobs else None


def _pack_values(values: dict[str, TypedValue]) -> bytes:
    return _encoder.encode(_Chunk(layout=LAYOUT, values=values))


def _parts(instance: Instance, chunk: _Chunk, x: Execution) -> tuple[tuple[list[Any], Any, dict[str, Any]], ...]:
    return (
        (chunk.tasks, x.tasks, instance.tasks),
        (chunk.external_tasks, x.external_tasks, instance.external_tasks),
        (chunk.jobs, x.jobs, instance.jobs),
        (chunk.subscriptions, x.subscriptions, instance.subscriptions),
        (chunk.incidents, x.incidents, instance.incidents),
    )


_NUMBERS = 2**31 - 2


def _order_of(id: str) -> int:
    """Ids sort by creation and count within it."""
    return int(id[:8] + id[9:13] + id[15:18], 16)


def _chunk_of(execution: str) -> int:
    """Executions that were created together lie in the same chunk."""
    return 1 + (_order_of(execution) // EXECUTIONS_PER_CHUNK) % _NUMBERS


def _chunk_of_value(variable: str) -> int:
    return -1 - _order_of(variable) % _NUMBERS


def decode(head: bytes, chunks: Mapping[int, bytes]) -> Instance:
    """The instance that `encode` packed. Raises msgspec.DecodeError."""
    instance = _instance_decoder.decode(head)
    values: dict[str, TypedValue] = {}
    layout = LAYOUT if chunks else 0
    for number in sorted(chunks):
        chunk = _chunk_decoder.decode(chunks[number])
        layout = min(layout, chunk.layout)
        values.update(chunk.values)
        instance.executions.update((item.id, item) for item in chunk.executions)
        instance.tasks.update((item.id, item) for item in chunk.tasks)
        instance.external_tasks.update((item.id, item) for item in chunk.external_tasks)
        instance.jobs.update((item.id, item) for item in chunk.jobs)
        instance.subscriptions.update((item.id, item) for item in chunk.subscriptions)
        instance.incidents.update((item.id, item) for item in chunk.incidents)
    if values:
        _fill_in(instance, values)
    if layout == LAYOUT:
        _hang_children(instance)
    elif not instance.places:
        _give_places(instance)
    return instance


def _fill_in(instance: Instance, values: dict[str, TypedValue]) -> None:
    for x in instance.executions.values():
        for found in x.variables.values():
            if found.value.type == "":
                found.value = values.get(found.id, found.value)


def _hang_children(instance: Instance) -> None:
    executions = instance.executions
    for x in sorted(executions.values(), key=lambda x: x.place):
        if x.parent is not None:
            executions[x.parent].children[x.id] = None


def _give_places(instance: Instance) -> None:
    """What release 0.1 has written knows the order of children by `children` alone."""
    for x in instance.executions.values():
        for child in x.children:
            instance.places += 1
            instance.executions[child].place = instance.places
