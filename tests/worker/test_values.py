"""Python values as process variables, and back."""

import base64
import dataclasses
import enum
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.worker import File, FileRef, InvalidVariable, Typed
from penstock.worker.values import JAVA, WireValue, fields_of, read, write


class Point(msgspec.Struct, rename="camel"):
    x_axis: int
    label: str = "p"


@dataclasses.dataclass
class Pair:
    left: int
    right: Decimal


class Colour(enum.Enum):
    RED = "red"


MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_900, timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("value", "kind", "wire"),
    [
        (None, "Null", None),
        (True, "Boolean", True),
        (2**31 - 1, "Integer", 2**31 - 1),
        (-(2**31), "Integer", -(2**31)),
        (2**31, "Long", 2**31),
        (-(2**63), "Long", -(2**63)),
        (1.5, "Double", 1.5),
        ("ä", "String", "ä"),
        (Decimal("12.50"), "String", "12.50"),
        (UUID(int=1), "String", "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "String", "red"),
        (date(2026, 1, 2), "String", "2026-01-02"),
        (MOMENT, "Date", "2026-01-02T01:04:05.678+0000"),
        (b"\x00\xff", "Bytes", "AP8="),
        ({"a": [1, None]}, "Json", '{"a":[1,null]}'),
        ((1, 2), "Json", "[1,2]"),
        (Point(3), "Json", '{"xAxis":3,"label":"p"}'),
        (Pair(1, Decimal("2.0")), "Json", '{"left":1,"right":"2.0"}'),
        (Typed("Short", 7), "Short", 7),
        (Typed("Double", Decimal("2.5")), "Double", 2.5),
        (Typed("Xml", "<a/>"), "Xml", "<a/>"),
        (Typed("Json", '{"a": 1}'), "Json", '{"a": 1}'),
        (Typed("Json", {"a": 1}), "Json", '{"a":1}'),
        (Typed("Null", None), "Null", None),
    ],
)
def test_written(value: Any, kind: str, wire: Any) -> None:
    assert write("v", value) == {"type": kind, "value": wire}


def test_what_stands_beside_the_value() -> None:
    file = write("f", File("a.txt", b"hi", "text/plain", "utf-8"))
    assert file["valueInfo"] == {"filename": "a.txt", "mimeType": "text/plain", "encoding": "utf-8"}
    assert write("f", Typed(None, 1, transient=True)) == {
        "type": "Integer",
        "value": 1,
        "valueInfo": {"transient": True},
    }
    info = {"objectTypeName": "java.util.ArrayList", "serializationDataFormat": "application/json"}
    assert write("o", Typed("Object", [1], info)) == {"type": "Object", "value": "[1]", "valueInfo": info}


@pytest.mark.parametrize(
    "value",
    [2**63, float("nan"), datetime(2026, 1, 1), object(), {"f": File("a", b"")}, {"a": object()}],
    ids=["too large", "nan", "no zone", "object", "file inside", "object inside"],
)
def test_what_is_no_variable_is_named(value: Any) -> None:
    with pytest.raises(InvalidVariable, match="Variable 'v': "):
        write("v", value)


def test_variables_come_from_mappings_structs_and_dataclasses() -> None:
    assert fields_of(None) == {}
    assert fields_of({"a": 1}) == {"a": 1}
    assert fields_of(Point(3)) == {"xAxis": 3, "label": "p"}
    assert fields_of(Pair(1, Decimal(2))) == {"left": 1, "right": Decimal(2)}
    with pytest.raises(TypeError, match="not list"):
        fields_of([1])


OBJECT = {"serializationDataFormat": "application/json", "objectTypeName": "a.B"}


@pytest.mark.parametrize(
    ("kind", "wire", "info", "value"),
    [
        ("Null", None, None, None),
        ("Integer", 3, None, 3),
        ("Short", 3, None, 3),
        ("Date", "2026-01-02T03:04:05.678+0200", None, MOMENT.replace(microsecond=678_000)),
        ("Bytes", "AP8=", None, b"\x00\xff"),
        ("json", '{"a":1}', None, {"a": 1}),
        ("Json", None, None, None),
        ("Object", '{"a":1}', OBJECT, {"a": 1}),
        ("Object", "rO0A", {"serializationDataFormat": "application/x-java-serialized-object"}, "rO0A"),
        ("Xml", "<a/>", None, "<a/>"),
        ("Unheard", "x", None, "x"),
        ("File", None, {"filename": "a.txt", "mimeType": "text/plain"}, FileRef("a.txt", "text/plain")),
        ("File", None, {"filename": "a.txt", "mimetype": "text/plain"}, FileRef("a.txt", "text/plain")),
    ],
)
def test_read(kind: str, wire: Any, info: Any, value: Any) -> None:
    assert read("v", WireValue(kind, wire, info)) == value


@pytest.mark.parametrize(
    "content",
    [
        b"\x73" + (b"\x72\x00\x01A" + bytes(11) + b"\x78") * 10_000,
        b"\x73" + (b"\x72\x00\x01A" + bytes(9) + b"\x00\x01L\x00\x01f\x73") * 10_000,
        b"\x71\x00\x00\x00\x00",
    ],
    ids=["a class below ten thousand others", "objects in place of names of types", "a handle that nobody has given"],
)
def test_what_java_would_not_write_stays_as_it_was_sent(content: bytes) -> None:
    text = base64.b64encode(b"\xac\xed\x00\x05" + content).decode()
    assert read("v", WireValue("Object", text, {"serializationDataFormat": JAVA})) == text


@pytest.mark.parametrize(("kind", "wire"), [("Date", "yesterday"), ("Bytes", "%"), ("Json", "{")])
def test_what_contradicts_its_type_is_named(kind: str, wire: str) -> None:
    with pytest.raises(InvalidVariable, match="Variable 'v'"):
        read("v", WireValue(kind, wire))


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.binary(),
    st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)),
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(st.characters(codec="utf-8"))),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(st.characters(codec="utf-8")), inner)),
)


@given(st.one_of(_scalars, _json))
def test_there_and_back(value: Any) -> None:
    wire = msgspec.convert(msgspec.json.decode(msgspec.json.encode(write("v", value))), WireValue)
    assert read("v", wire) == value
