"""How an instance is stored: a small one whole in its head, a large one in a head and chunks.

A chunk holds executions with everything that belongs to them. `encode` compares with what it wrote before, so that
only chunks whose content has changed are written again.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.engine.state import Execution, ExternalTask, Incident, Instance, Job, Subscription, Task

HEAD_BYTES_MAX = 4096
"""An instance that packs into this stays whole."""

EXECUTIONS_PER_CHUNK = 16


class _Chunk(msgspec.Struct, array_like=True, omit_defaults=True):
    executions: list[Execution] = []
    tasks: list[Task] = []
    external_tasks: list[ExternalTask] = []
    jobs: list[Job] = []
    subscriptions: list[Subscription] = []
    incidents: list[Incident] = []


_encoder = msgspec.msgpack.Encoder()
_instance_decoder = msgspec.msgpack.Decoder(Instance)
_chunk_decoder = msgspec.msgpack.Decoder(_Chunk)


def encode(instance: Instance) -> tuple[bytes, dict[int, bytes]]:
    """(head, all chunks by number). A chunk's number depends on the order in which executions were created."""
    head = _encoder.encode(instance)
    if len(head) <= HEAD_BYTES_MAX:
        return head, {}
    bare = msgspec.structs.replace(
        instance, executions={}, tasks={}, external_tasks={}, jobs={}, subscriptions={}, incidents={}
    )
    chunks: dict[int, _Chunk] = {}
    for execution in instance.executions.values():
        chunk = chunks.setdefault(_chunk_of(execution.id), _Chunk([], [], [], [], [], []))
        chunk.executions.append(execution)
        for target, ids, source in _parts(instance, chunk, execution):
            target.extend(source[id] for id in ids)
    owned = {id for execution in instance.executions.values() for id in (*execution.tasks, *execution.jobs)}
    loose = _Chunk(
        tasks=[task for id, task in instance.tasks.items() if id not in owned],
        jobs=[job for id, job in instance.jobs.items() if id not in owned],
    )
    packed = {number: _encoder.encode(chunk) for number, chunk in chunks.items()}
    if loose.tasks or loose.jobs:
        packed[0] = _encoder.encode(loose)
    return _encoder.encode(bare), packed


def _parts(instance: Instance, chunk: _Chunk, x: Execution) -> tuple[tuple[list[Any], Any, dict[str, Any]], ...]:
    return (
        (chunk.tasks, x.tasks, instance.tasks),
        (chunk.external_tasks, x.external_tasks, instance.external_tasks),
        (chunk.jobs, x.jobs, instance.jobs),
        (chunk.subscriptions, x.subscriptions, instance.subscriptions),
        (chunk.incidents, x.incidents, instance.incidents),
    )


def _chunk_of(execution: str) -> int:
    """Executions that were created together lie in the same chunk: ids sort by creation and count within it."""
    return 1 + (int(execution[:8] + execution[9:13] + execution[15:18], 16) // EXECUTIONS_PER_CHUNK) % (2**31 - 2)


def decode(head: bytes, chunks: dict[int, bytes]) -> Instance:
    """The instance that `encode` packed. Raises msgspec.DecodeError."""
    instance = _instance_decoder.decode(head)
    for number in sorted(chunks):
        chunk = _chunk_decoder.decode(chunks[number])
        instance.executions.update((item.id, item) for item in chunk.executions)
        instance.tasks.update((item.id, item) for item in chunk.tasks)
        instance.external_tasks.update((item.id, item) for item in chunk.external_tasks)
        instance.jobs.update((item.id, item) for item in chunk.jobs)
        instance.subscriptions.update((item.id, item) for item in chunk.subscriptions)
        instance.incidents.update((item.id, item) for item in chunk.incidents)
    return instance
