"""Reads what Java serialises: the lists and maps that the engine itself makes (Camunda 7 sends them in this form).

The grammar is that of the Java Object Serialization Specification, section 6.4. Read are `java.util`'s lists and maps and
what they usually hold; no class is ever looked up by its name, so that nothing in a stream can do anything.
"""

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

_HEADER = b"\xac\xed\x00\x05"
_FIRST_HANDLE = 0x7E0000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = {"I": ">i", "J": ">q", "S": ">h", "D": ">d", "F": ">f", "Z": ">?", "B": ">b"}
DEPTH_MAX = 200


class _Class(NamedTuple):
    name: str
    fields: list[tuple[str, str]]
    parent: "_Class | None"


def deserialize(data: bytes) -> Any:
    """The value: None, bool, int, float, str, bytes, an aware datetime, or a list or dict of such. Raises ValueError for
    what is no such stream, and for classes that are not read."""
    if data[:4] != _HEADER:
        raise ValueError("this is not what Java serialises")
    reader = _Reader(data)
    try:
        return reader.value(0)
    except (struct.error, IndexError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ValueError(f"the serialised Java value is broken or of an unknown kind: {error!r}") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = len(_HEADER)
        self._handles: list[Any] = []

    def value(self, depth: int) -> Any:
        if depth > DEPTH_MAX:
            raise ValueError("the serialised Java value is nested too deeply")
        tag = self._take(1)
        if tag == b"\x70":
            return None
        if tag == b"\x71":
            return self._earlier()
        if tag in b"\x74\x7c":
            return self._remember(self._text(">H" if tag == b"\x74" else ">q"))
        if tag == b"\x75":
            return self._array()
        if tag == b"\x73":
            return self._object(depth)
        raise ValueError(f"the serialised Java value has an unknown part {tag.hex()}")

    def _object(self, depth: int) -> Any:
        kind = self._class()
        if kind is None:
            raise ValueError("the serialised Java value has an object without a class")
        place = len(self._handles)
        self._handles.append(None)
        read = _OBJECTS.get(kind.name)
        if read is None:
            raise ValueError(f"objects of the Java class {kind.name} are not read")
        found = self._handles[place] = read(self, kind, depth + 1)
        return found

    def boxed(self, kind: _Class, depth: int) -> Any:
        return self._fields(kind, depth)["value"]

    def date(self, kind: _Class, depth: int) -> datetime:
        (moment,) = self._block(">q")
        self._end()
        return _EPOCH + timedelta(milliseconds=moment)

    def empty(self, kind: _Class, depth: int) -> list[Any]:
        return []

    def array_list(self, kind: _Class, depth: int) -> list[Any]:
        size = self._fields(kind, depth)["size"]
        self._block(">i")
        found = [self.value(depth) for _ in range(size)]
        self._end()
        return found

    def hash_map(self, kind: _Class, depth: int) -> dict[Any, Any]:
        self._fields(kind, depth)
        return self._entries(self._block(">ii")[1], depth)

    def linked_map(self, kind: _Class, depth: int) -> dict[Any, Any]:
        if kind.parent is None:
            raise ValueError("a LinkedHashMap is a HashMap")
        found = self.hash_map(kind.parent, depth)
        self._fields(kind, depth)
        return found

    def tree_map(self, kind: _Class, depth: int) -> dict[Any, Any]:
        if self._fields(kind, depth)["comparator"] is not None:
            raise ValueError("maps with a comparator are not read")
        return self._entries(self._block(">i")[0], depth)

    def _entries(self, size: int, depth: int) -> dict[Any, Any]:
        found = {}
        for _ in range(size):
            key = self.value(depth)
            found[key] = self.value(depth)
        self._end()
        return found

    def _class(self) -> _Class | None:
        tag = self._take(1)
        if tag == b"\x70":
            return None
        if tag == b"\x71":
            found = self._earlier()
            if not isinstance(found, _Class):
                raise ValueError("the serialised Java value names no class")
            return found
        if tag != b"\x72":
            raise ValueError(f"the serialised Java value has a class of an unknown kind {tag.hex()}")
        name = self._text(">H")
        self._take(8)
        place = len(self._handles)
        self._handles.append(None)
        self._take(1)
        fields = [self._field() for _ in range(self._number(">h"))]
        self._end()
        kind = self._handles[place] = _Class(name, fields, self._class())
        return kind

    def _field(self) -> tuple[str, str]:
        code, name = self._take(1).decode("ascii"), self._text(">H")
        if code in "L[":
            self.value(0)
        return code, name

    def _fields(self, kind: _Class, depth: int) -> dict[str, Any]:
        return {name: self.value(depth) if code in "L[" else self._number(_NUMBERS[code]) for code, name in kind.fields}

    def _array(self) -> bytes:
        kind = self._class()
        if kind is None or kind.name != "[B":
            raise ValueError("Java's arrays are not read, but for bytes")
        content: bytes = self._remember(b"")
        content = self._handles[-1] = self._take(self._number(">i"))
        return content

    def _block(self, layout: str) -> tuple[Any, ...]:
        if self._take(1) != b"\x77" or self._take(1)[0] != struct.calcsize(layout):
            raise ValueError("the serialised Java value has other data than its class writes")
        return struct.unpack(layout, self._take(struct.calcsize(layout)))

    def _end(self) -> None:
        if self._take(1) != b"\x78":
            raise ValueError("the serialised Java value has more data than its class writes")

    def _text(self, layout: str) -> str:
        encoded = self._take(self._number(layout))
        units = encoded.replace(b"\xc0\x80", b"\0").decode("utf-8", "surrogatepass")
        return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be")

    def _number(self, layout: str) -> Any:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _take(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._data):
            raise ValueError("the serialised Java value ends too early")
        self._at += size
        return self._data[self._at - size : self._at]

    def _earlier(self) -> Any:
        """A part that came before, by its handle."""
        place = self._number(">i") - _FIRST_HANDLE
        if place < 0:
            raise ValueError("the serialised Java value refers to a part that it does not have")
        return self._handles[place]

    def _remember(self, value: Any) -> Any:
        self._handles.append(value)
        return value


_OBJECTS: dict[str, Callable[[_Reader, _Class, int], Any]] = {
    **{
        f"java.lang.{name}": _Reader.boxed
        for name in ("Integer", "Long", "Short", "Double", "Float", "Boolean", "Byte")
    },
    "java.util.Date": _Reader.date,
    "java.util.ArrayList": _Reader.array_list,
    "java.util.Collections$EmptyList": _Reader.empty,
    "java.util.HashMap": _Reader.hash_map,
    "java.util.LinkedHashMap": _Reader.linked_map,
    "java.util.TreeMap": _Reader.tree_map,
}
