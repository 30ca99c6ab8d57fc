"""Events: what was stored once can be read for ever."""

from __future__ import annotations

import json
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.engine import events as ev
from penstock.engine.apply import APPLIERS
from penstock.engine.state import Phase
from penstock.expr.values import TypedValue

TABLE = Path(__file__).parent / "event_tags.json"
CLASSES: list[type[ev.Event]] = list(typing.get_args(ev.AnyEvent))
ENUMS: list[type[Enum]] = [ev.ExecutionKind, ev.InstanceState, ev.JobKind, Phase]


def _tag(cls: type[ev.Event]) -> int:
    tag = cls.__struct_config__.tag
    assert isinstance(tag, int)
    return tag


def _table() -> dict[str, Any]:
    """What the classes of today mean, in the form of the recorded table."""
    return {
        "events": {str(_tag(cls)): [cls.__name__, _names(cls)] for cls in sorted(CLASSES, key=_tag)},
        "records": {cls.__name__: _names(cls) for cls in (ev.InstanceEvents, ev.LogRow, TypedValue)},
        "enums": {cls.__name__: {member.name: member.value for member in cls} for cls in ENUMS},
    }


def _names(cls: type[Any]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(cls)]


RECORDED: dict[str, Any] = json.loads(TABLE.read_text())


def test_tags_are_unique_and_every_class_is_an_event() -> None:
    defined = {cls for cls in vars(ev).values() if isinstance(cls, type) and issubclass(cls, ev.Event)} - {ev.Event}
    assert defined == set(CLASSES)
    assert len({_tag(cls) for cls in CLASSES}) == len(CLASSES)
    assert set(APPLIERS) <= defined


@pytest.mark.parametrize("tag", RECORDED["events"])
def test_a_tag_keeps_its_meaning(tag: str) -> None:
    name, fields = RECORDED["events"][tag]
    cls = next((cls for cls in CLASSES if str(_tag(cls)) == tag), None)
    assert cls is not None, f"tag {tag} ({name}) is gone: what was stored with it can no longer be read"
    assert cls.__name__ == name, f"tag {tag} was {name} and is {cls.__name__}: a changed event gets a new tag"
    _check_fields(cls, fields)


@pytest.mark.parametrize("cls", [ev.InstanceEvents, ev.LogRow, TypedValue], ids=lambda cls: cls.__name__)
def test_records_around_events_keep_their_fields(cls: type[Any]) -> None:
    _check_fields(cls, RECORDED["records"][cls.__name__])


def _check_fields(cls: type[Any], recorded: list[str]) -> None:
    assert _names(cls)[: len(recorded)] == recorded, f"fields of {cls.__name__} moved: new ones go to the end"
    for field in msgspec.structs.fields(cls)[len(recorded) :]:
        assert not field.required, f"{cls.__name__}.{field.name} is new and has no default: old events lack it"


@pytest.mark.parametrize("cls", ENUMS, ids=lambda cls: cls.__name__)
def test_values_of_enums_keep_their_meaning(cls: type[Enum]) -> None:
    for name, value in RECORDED["enums"][cls.__name__].items():
        assert cls[name].value == value


def test_what_is_new_is_recorded() -> None:
    """After adding an event or field, add it to the table: `json.dumps(_table(), indent=1)` is what it has to be."""
    assert _table() == RECORDED


# ------------------------------------------------------------------------------------------ packing


def _value(hint: Any) -> Any:
    """Some value of the type, not the default."""
    if hint is Any:
        return {"a": [1, None, "x"]}
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _value(next(arg for arg in args if arg is not type(None)))
    if origin is list:
        return [_value(args[0])]
    if origin is dict:
        return {"key": _value(args[1])}
    if origin is tuple:
        return tuple(_value(arg) for arg in args)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint)[-1]
    if hint is TypedValue:
        return TypedValue("Object", "[]", {"objectTypeName": "java.util.ArrayList"})
    return {str: "text é \U0001f600", int: 2**40, float: 1.5, bool: True, bytes: b"\x00\xff"}[hint]


def _read_back(event: ev.Event) -> ev.AnyEvent:
    unit = ev.InstanceEvents("i", "r", 1, 0, "key:1:id", [event])  # type: ignore[list-item]
    return ev.unpack(ev.pack(ev.LogRow([unit]))).units[0].events[0]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_packs_and_unpacks(cls: type[ev.Event]) -> None:
    hints = typing.get_type_hints(cls)
    fields = msgspec.structs.fields(cls)
    full = cls(**{field.name: _value(hints[field.name]) for field in fields})
    bare = cls(**{field.name: _value(hints[field.name]) for field in fields if field.required})
    for event in (full, bare):
        found = _read_back(event)
        assert type(found) is cls
        assert found == event


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_event_from_before_its_optional_fields_is_read(cls: type[ev.Event]) -> None:
    hints = typing.get_type_hints(cls)
    required = [_value(hints[field.name]) for field in msgspec.structs.fields(cls) if field.required]
    old = msgspec.msgpack.encode([[["i", "r", 1, 0, None, [[_tag(cls), *required]]]]])
    (event,) = ev.unpack(old).units[0].events
    assert type(event) is cls


@pytest.mark.parametrize("data", [b"", b"\x93", msgspec.msgpack.encode([[["i", "r", 1, 0, None, [[9999]]]]])])
def test_what_is_no_log_row_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        ev.unpack(data)
