"""JSON in expressions as Camunda Spin has it: `S('…')`, `JSON('…')`, the methods of `JsonNode`, simple JSON paths.

As in Spin, a node changes in place and a child shares its parent's data, so `order.prop('a').prop('b', 1)` changes
`order`. What is put into a node is copied, so a node cannot contain itself.
"""

import json
import re
from datetime import datetime
from typing import Any, NoReturn

from penstock.expr.coerce import (
    DEPTH_MAX,
    INTEGERS,
    LISTS,
    MAPS,
    TEXT_CHARS_MAX,
    Problem,
    java_class,
    json_text,
    to_int,
    to_string,
)
from penstock.expr.moments import to_ms
from penstock.expr.values import Integer, JsonNode, XmlText, java_like

NODES_MAX = 100_000
"""Most values that one call may copy into a node."""
NODE_NODES_MAX = 5_000
"""Most of them that may come from a node: one that takes in itself, or two that take in each other, grow without end."""


class JsonPathQuery:
    """What `node.jsonPath('$.a')` gives: the values that a path selects. `many` tells a path with a wildcard."""

    __slots__ = ("found", "many", "path")

    def __init__(self, path: str, found: list[Any], many: bool) -> None:
        self.path = path
        self.found = found
        self.many = many

    def java_text(self) -> str:
        return self.path


def json_of(value: Any) -> Any:
    """A copy of a native value as plain JSON. Raises `Problem` for what JSON cannot hold, and beyond `NODES_MAX`."""
    return _copy(value, [NODES_MAX], 0)


def _copy(value: Any, left: list[int], depth: int) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise Problem(f"a JSON node would take more than {NODES_MAX} values at once")
    if depth > DEPTH_MAX:
        raise Problem(f"a JSON node would be nested deeper than {DEPTH_MAX} levels")
    kind = type(value)
    if value is None or kind in (str, bool, float):
        return value
    if kind in INTEGERS:
        return int(value)
    if kind is JsonNode:
        left[0] = min(left[0], NODE_NODES_MAX)
        return _copy(value.data, left, depth)
    if kind in LISTS:
        return [_copy(item, left, depth + 1) for item in value]
    if kind in MAPS:
        return {to_string(key): _copy(item, left, depth + 1) for key, item in value.items()}
    if kind is datetime:
        return to_ms(value)
    raise Problem(f"Unable to create node for object of type '{java_class(value)}'")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def read_json(value: Any) -> JsonNode:
    """`JSON(value)`: a text is read, any other value is converted."""
    if isinstance(value, JsonNode):
        return value
    if value is None:
        raise Problem("SPIN-01003 Input parameter is null")
    if not isinstance(value, str):
        return JsonNode(json_of(value))
    if len(value) > TEXT_CHARS_MAX:
        raise Problem(f"a JSON text is longer than {TEXT_CHARS_MAX} characters")
    try:
        return JsonNode(json.loads(value, parse_constant=_no_constant))
    except (ValueError, RecursionError) as error:
        raise Problem("SPIN/JACKSON-JSON-01006 Unable to parse input into json node") from error


def read_xml(value: Any) -> XmlText:
    """`XML(value)`."""
    if isinstance(value, XmlText):
        return value
    if not isinstance(value, str):
        raise Problem(f"XML() needs a text and got {java_class(value)}")
    return XmlText(value)


def read_any(value: Any) -> JsonNode | XmlText:
    """`S(value)`: XML when the text looks like it, else JSON."""
    if isinstance(value, XmlText) or (isinstance(value, str) and value.lstrip()[:1] == "<"):
        return read_xml(value)
    return read_json(value)


def _equal(left: Any, right: Any) -> bool:
    """JSON equality: `true` is not `1`."""
    if type(left) is bool or type(right) is bool:
        return left is right
    return bool(left == right)


def _expected(what: str, node: JsonNode) -> NoReturn:
    data = node.data
    kinds = {dict: "OBJECT", list: "ARRAY", str: "STRING", bool: "BOOLEAN", int: "NUMBER", float: "NUMBER"}
    raise Problem(f"SPIN/JACKSON-JSON-01002 Expected '{what}', got '{kinds.get(type(data), 'NULL')}'")


def _not_found(name: Any) -> NoReturn:
    raise Problem(f"SPIN/JACKSON-JSON-01004 Unable to find '{to_string(name)}'")


def _array(node: JsonNode) -> list[Any]:
    return node.data if isinstance(node.data, list) else _expected("ARRAY", node)


def _object(node: JsonNode) -> dict[str, Any]:
    return node.data if isinstance(node.data, dict) else _expected("OBJECT", node)


def _prop(node: JsonNode, name: Any, *value: Any) -> JsonNode:
    key = to_string(name)
    if value:
        _object(node)[key] = json_of(value[0])
        return node
    if not isinstance(node.data, dict) or key not in node.data:
        _not_found(key)
    return JsonNode(node.data[key])


def _has_prop(node: JsonNode, name: Any) -> bool:
    return isinstance(node.data, dict) and to_string(name) in node.data


def _delete_prop(node: JsonNode, name: Any) -> JsonNode:
    data = _object(node)
    for key in map(to_string, name if type(name) in LISTS else [name]):
        if key not in data:
            _not_found(key)
        del data[key]
    return node


def _string(node: JsonNode) -> str:
    return node.data if isinstance(node.data, str) else _expected("STRING", node)


def _number(node: JsonNode) -> Any:
    if type(node.data) not in (int, float):
        _expected("NUMBER", node)
    return java_like(node.data)


def _bool(node: JsonNode) -> bool:
    return node.data if isinstance(node.data, bool) else _expected("BOOLEAN", node)


def _value(node: JsonNode) -> Any:
    return _expected("VALUE", node) if isinstance(node.data, dict | list) else java_like(node.data)


def _elements(node: JsonNode) -> list[JsonNode]:
    return [JsonNode(item) for item in _array(node)]


def _find(node: JsonNode, value: Any, *, last: bool = False) -> int:
    """Where `value` is in the array, or -1."""
    items, wanted = _array(node), json_of(value)
    order = range(len(items) - 1, -1, -1) if last else range(len(items))
    return next((position for position in order if _equal(items[position], wanted)), -1)


def _position(node: JsonNode, value: Any, *, last: bool = False) -> int:
    found = _find(node, value, last=last)
    return found if found >= 0 else _not_found(value)


def _append(node: JsonNode, *values: Any) -> JsonNode:
    _array(node).extend([json_of(value) for value in values])
    return node


def _insert(node: JsonNode, position: int, value: Any) -> JsonNode:
    items = _array(node)
    if not 0 <= position <= len(items):
        raise Problem(f"SPIN/JACKSON-JSON-01007 Index is out of bounds: '{position}', size '{len(items)}'")
    items.insert(position, json_of(value))
    return node


def _remove_at(node: JsonNode, index: Any) -> JsonNode:
    items, position = _array(node), to_int(index)
    position += len(items) if position < 0 else 0
    if not 0 <= position < len(items):
        raise Problem(f"SPIN/JACKSON-JSON-01007 Index is out of bounds: '{position}', size '{len(items)}'")
    del items[position]
    return node


def _insert_at(node: JsonNode, index: Any, value: Any) -> JsonNode:
    position = to_int(index)
    return _insert(node, position + len(_array(node)) if position < 0 else position, value)


_PATH = re.compile(
    r"\.(?P<name>[^.\[\]*'\"\s()?@]+)|\[(?P<index>-?\d{1,9})\]|\['(?P<quoted>[^']*)'\]|(?P<all>\.\*|\[\*\])"
)


def _json_path(node: JsonNode, path: Any) -> JsonPathQuery:
    """Only `$`, names, indices and `*`: filters, slices and `..` are refused, their cost has no bound."""
    text = to_string(path)
    found, many, at = [node.data], False, 1
    if not text.startswith("$") or len(text) > 1000:
        raise Problem(f"SPIN/JACKSON-JSON-01012 Unable to compile JsonPath expression '{text[:100]}'")
    while at < len(text):
        step = _PATH.match(text, at)
        if step is None:
            raise Problem(
                f"JsonPath expression '{text[:100]}': only names, indices and '*' are supported, not '{text[at : at + 20]}'"
            )
        at = step.end()
        if step["all"]:
            many = True
            found = [child for data in found for child in _children(data)]
        elif step["index"] is not None:
            index = int(step["index"])
            found = [data[index] for data in found if isinstance(data, list) and -len(data) <= index < len(data)]
        else:
            name = step["name"] if step["name"] is not None else step["quoted"]
            found = [data[name] for data in found if isinstance(data, dict) and name in data]
    return JsonPathQuery(text, found, many)


def _children(data: Any) -> list[Any]:
    if isinstance(data, dict):
        return list(data.values())
    return data if isinstance(data, list) else []


def _selected(query: JsonPathQuery) -> JsonNode:
    if query.many:
        return JsonNode(query.found)
    if not query.found:
        raise Problem(
            f"SPIN/JACKSON-JSON-01013 Unable to evaluate JsonPath expression '{query.path[:100]}': no results"
        )
    return JsonNode(query.found[0])


def _query_value(read: Any) -> Any:
    return lambda query: read(_selected(query))


JSON_PROPERTIES: dict[str, Any] = {
    "object": lambda node: isinstance(node.data, dict),
    "array": lambda node: isinstance(node.data, list),
    "value": lambda node: not isinstance(node.data, dict | list),
    "string": lambda node: isinstance(node.data, str),
    "number": lambda node: type(node.data) in (int, float),
    "boolean": lambda node: isinstance(node.data, bool),
    "null": lambda node: node.data is None,
    "dataFormatName": lambda _: "application/json",
}

JSON_METHODS: dict[str, tuple[Any, int, int]] = {
    "prop": (_prop, 1, 2),
    "hasProp": (_has_prop, 1, 1),
    "deleteProp": (_delete_prop, 1, 1),
    "fieldNames": (lambda node: list(_object(node)), 0, 0),
    "elements": (_elements, 0, 0),
    "stringValue": (_string, 0, 0),
    "numberValue": (_number, 0, 0),
    "boolValue": (_bool, 0, 0),
    "value": (_value, 0, 0),
    "indexOf": (lambda node, value: Integer(_position(node, value)), 1, 1),
    "lastIndexOf": (lambda node, value: Integer(_position(node, value, last=True)), 1, 1),
    "contains": (lambda node, value: _find(node, value) >= 0, 1, 1),
    "append": (_append, 1, 100),
    "insertAt": (_insert_at, 2, 2),
    "insertBefore": (lambda node, mark, value: _insert(node, _position(node, mark), value), 2, 2),
    "insertAfter": (lambda node, mark, value: _insert(node, _position(node, mark) + 1, value), 2, 2),
    "remove": (lambda node, value: _remove_at(node, _position(node, value)), 1, 1),
    "removeLast": (lambda node, value: _remove_at(node, _position(node, value, last=True)), 1, 1),
    "removeAt": (_remove_at, 1, 1),
    "jsonPath": (_json_path, 1, 1),
    "equals": (lambda node, other: node == other, 1, 1),
    "toString": (lambda node: json_text(node.data), 0, 0),
}

QUERY_METHODS: dict[str, tuple[Any, int, int]] = {
    "element": (_selected, 0, 0),
    "elementList": (lambda query: _elements(_selected(query)), 0, 0),
    "stringValue": (_query_value(_string), 0, 0),
    "numberValue": (_query_value(_number), 0, 0),
    "boolValue": (_query_value(_bool), 0, 0),
}
