from typing import Any

import pytest

from penstock.api import values
from penstock.api.problems import Problem
from penstock.expr.values import TypedValue


@pytest.mark.parametrize(
    ("dto", "expected"),
    [
        ({"value": 1}, TypedValue("Integer", 1)),
        ({"value": 2**31}, TypedValue("Long", 2**31)),
        ({"value": 1.5}, TypedValue("Double", 1.5)),
        ({"value": True}, TypedValue("Boolean", True)),
        ({"value": "a"}, TypedValue("String", "a")),
        ({}, TypedValue("Null")),
        (None, TypedValue("Null")),
        ({"value": "5", "type": "integer"}, TypedValue("Integer", 5)),
        ({"value": 5, "type": "SHORT"}, TypedValue("Short", 5)),
        ({"value": 5, "type": "double"}, TypedValue("Double", 5.0)),
        ({"value": 5, "type": "String"}, TypedValue("String", "5")),
        ({"value": True, "type": "String"}, TypedValue("String", "true")),
        ({"value": "TRUE", "type": "Boolean"}, TypedValue("Boolean", True)),
        ({"value": "", "type": "Date"}, TypedValue("Date")),
        ({"value": "2013-01-23T14:42:45.123+0200", "type": "Date"}, TypedValue("Date", 1358944965123)),
        ({"value": "QUJD", "type": "Bytes"}, TypedValue("Bytes", b"ABC")),
        ({"value": "{x", "type": "Json"}, TypedValue("Json", "{x")),
        ({"value": 1, "type": "Null"}, TypedValue("Null")),
        (
            {"value": "aGVsbG8=", "type": "File", "valueInfo": {"filename": "h.txt", "mimeType": "text/plain"}},
            TypedValue("File", b"hello", {"filename": "h.txt", "mimeType": "text/plain"}),
        ),
        ({"value": 1, "type": "Integer", "valueInfo": {"transient": True}}, TypedValue("Integer", 1, None, True)),
    ],
)
def test_values_are_read(dto: Any, expected: TypedValue) -> None:
    assert values.read(dto) == expected


@pytest.mark.parametrize(
    ("dto", "status", "type", "message"),
    [
        (
            {"value": "abc", "type": "Integer"}, 400, "InvalidRequestException",
            "Cannot convert value 'abc' of type 'Integer' to java type java.lang.Integer",
        ),
        (
            {"value": 1.5, "type": "Integer"}, 400, "InvalidRequestException",
            "Cannot convert value '1.5' of type 'Integer' to java type java.lang.Integer",
        ),
        (
            {"value": 2**31, "type": "Integer"}, 400, "InvalidRequestException",
            "Cannot convert value '2147483648' of type 'Integer' to java type java.lang.Integer",
        ),
        ({"value": 40000, "type": "Short"}, 400, "InvalidRequestException", None),
        ({"value": 2**63, "type": "Long"}, 400, "InvalidRequestException", None),
        ({"value": 2**70}, 400, "InvalidRequestException", None),
        (
            {"value": 1358952165123, "type": "Date"}, 400, "InvalidRequestException",
            "Cannot convert value '1358952165123' of type 'Date' to java type java.util.Date",
        ),
        ({"value": "x", "type": "Nope"}, 400, "InvalidRequestException", "Unsupported value type 'Nope'"),
        (
            {"value": {"a": 1}, "type": "Json"}, 400, "InvalidRequestException",
            "Must provide 'null' or String value for value of SerializableValue type 'Json'.",
        ),
        ({"value": "aGVsbG8=", "type": "File"}, 500, "IllegalArgumentException", "Cannot create file without valueInfo."),
        ({"value": "x", "type": "Object"}, 500, "RestException", None),
        ({"value": "a\x00b"}, 400, "InvalidRequestException", None),
        ({"value": "inf", "type": "Double"}, 400, "InvalidRequestException", None),
        ([1], 400, "InvalidRequestException", ""),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_as_camunda_does(dto: Any, status: int, type: str, message: str | None) -> None:
    with pytest.raises(Problem) as caught:
        values.read(dto)
    assert (caught.value.status, caught.value.type) == (status, type)
    if message is not None:
        assert caught.value.message == message


def test_json_is_text_or_what_jackson_makes_of_a_spin_node() -> None:
    typed = TypedValue("Json", '{"a": 1}')
    assert values.write(typed, deserialize=False)["value"] == '{"a": 1}'
    assert values.write(typed)["value"] == {
        "boolean": False, "object": True, "nodeType": "OBJECT", "array": False, "null": False, "number": False,
        "dataFormatName": "application/json", "string": False, "value": False,
    }  # fmt: skip


def test_objects_in_json_are_opened_when_asked() -> None:
    info = {"objectTypeName": "java.util.LinkedHashMap<java.lang.String,java.lang.Object>"}
    typed = TypedValue("Object", '{"a":1}', {**info, "serializationDataFormat": "application/json"})
    assert values.write(typed)["value"] == {"a": 1}
    shown = values.write(typed)["valueInfo"]["objectTypeName"]
    assert shown == "java.util.LinkedHashMap<java.lang.Object,java.lang.Object>"
    assert values.write(typed, deserialize=False)["value"] == '{"a":1}'
    assert values.write(typed, deserialize=False)["valueInfo"]["objectTypeName"] == info["objectTypeName"]


def test_files_keep_their_content_to_themselves() -> None:
    typed = TypedValue("File", b"abc", {"filename": "a.txt"})
    assert values.write(typed) == {"type": "File", "value": None, "valueInfo": {"filename": "a.txt"}}


def test_rows_give_back_what_was_stored() -> None:
    empty = {"text_value": None, "long_value": None, "double_value": None, "bytes_value": None, "info": None}
    assert values.from_row({**empty, "type": "Boolean", "long_value": 1}) == TypedValue("Boolean", True)
    assert values.from_row({**empty, "type": "Integer", "long_value": 4, "double_value": 4.0}) == TypedValue(
        "Integer", 4
    )
    assert values.from_row({**empty, "type": "Double", "double_value": 4.5}) == TypedValue("Double", 4.5)
    assert values.from_row({**empty, "type": "Json", "text_value": "1"}) == TypedValue("Json", "1")
    assert values.from_row({**empty, "type": "Null"}) == TypedValue("Null")
