"""From a run that fails to a small one that fails in the same way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, get_args

from blocks import Block, Leaf, Model, Process
from case import Case, RunFailed, repeat, walk
from random_run import Run

SCHEDULES = 6
"""How many random schedules are tried on a smaller model."""

CANDIDATES_MAX = 500
"""Smaller models and schedules that are tried."""

_BLOCKS = get_args(Block)
_PLAIN = Process(Leaf("plain"))


def shrink(model: Model, failed: RunFailed) -> tuple[Model, RunFailed]:
    """A smaller model and schedule that fail in the same way as `model` did."""
    left, at, found = CANDIDATES_MAX, 0, True
    while found and left > 0:
        found = False
        candidates = list(_smaller(model))
        # Goes on behind the last one that was good: those before it have been tried.
        for number in range(at, at + len(candidates)):
            smaller = candidates[number % len(candidates)]
            left -= 1
            again = _fails(smaller, failed)
            if again is not None:
                model, failed, found, at = smaller, again, True, number % len(candidates)
                break
            if left <= 0:
                break
    return model, _fewer_steps(failed)


def _fails(model: Model, like: RunFailed) -> RunFailed | None:
    """How `model` fails like that: by the same steps, or else on another path."""
    try:
        found = _failure(repeat, Case(model.xml(), like.steps))
        if found is not None and found.kind == like.kind:
            return found
        for seed in range(SCHEDULES):
            found = _failure(walk, model, Random(seed))
            if found is not None and found.kind == like.kind:
                return found
    except Exception:  # a model that is not valid is none that fails
        return None
    return None


def _failure(run: Callable[..., Run], *args: Any) -> RunFailed | None:
    try:
        run(*args)
    except RunFailed as failed:
        return failed
    return None


def _fewer_steps(failed: RunFailed) -> RunFailed:
    """Leaves out what is not needed, in ever smaller parts."""
    steps = [step for step in failed.steps if not step.startswith(" ")]
    size = max(len(steps) // 2, 1)
    while size:
        at = 0
        while at < len(steps):
            fewer = [*steps[:at], *steps[at + size :]]
            found = _failure(repeat, Case(failed.run.xml, tuple(fewer)))
            if found is not None and found.kind == failed.kind:
                steps, failed = fewer, found
            else:
                at += size
        size //= 2
    failed.steps = tuple(steps)
    return failed


# ------------------------------------------------------------------------------------------ smaller models


def _smaller(value: Any) -> Iterator[Any]:
    """Everything that is one thing simpler than `value`, the largest steps first."""
    if isinstance(value, tuple):
        for at in range(len(value)):
            yield (*value[:at], *value[at + 1 :])
        for at, item in enumerate(value):
            for smaller in _smaller(item):
                yield (*value[:at], smaller, *value[at + 1 :])
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        if isinstance(value, _BLOCKS):
            if value != Leaf("plain"):
                yield Leaf("plain")
            yield from _inside(value)
        if isinstance(value, Process) and value != _PLAIN:
            yield _PLAIN
        # Called processes before the one that calls them.
        for field in reversed(dataclasses.fields(value)):
            now = getattr(value, field.name)
            for smaller in _simpler(field, now):
                yield dataclasses.replace(value, **{field.name: smaller})


def _inside(value: Any) -> Iterator[Any]:
    """The blocks of which a block is made."""
    for field in dataclasses.fields(value):
        now = getattr(value, field.name)
        for item in now if isinstance(now, tuple) else (now,):
            if isinstance(item, _BLOCKS):
                yield item


def _simpler(field: Any, now: Any) -> Iterator[Any]:
    if field.default is not dataclasses.MISSING and now != field.default:
        yield field.default
    elif now is not None and "None" in str(field.type):
        yield None
    if now is True and field.default is dataclasses.MISSING:
        yield False
    yield from _smaller(now)
