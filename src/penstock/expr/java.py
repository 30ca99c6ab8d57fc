"""Values as Java serialises them: what Camunda 7 keeps, and answers, for the collections that it makes itself.

The grammar is that of the Java Object Serialization Specification, section 6.4. Written are the classes that an expression
can put into a collection; a value that Java would not have there (a JSON node, say) is written as its JSON form.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from penstock.expr.values import EmptyList, HashMap, Integer, Short, TreeMap, TypedValue, plain, to_native

_HEADER = b"\xac\xed\x00\x05"
_NULL, _REFERENCE, _CLASS, _OBJECT = b"\x70", b"\x71", b"\x72", b"\x73"
_TEXT, _ARRAY, _BLOCK, _END, _LONG_TEXT = b"\x74", b"\x75", b"\x77", b"\x78", b"\x7c"
_FIRST_HANDLE = 0x7E0000
_SERIALIZABLE, _WRITES_ITSELF = 2, 3
_LOAD_FACTOR = 0.75
_INTS_BELOW, _LONGS_BELOW = 2**31, 2**63


class _Class(NamedTuple):
    """A class descriptor. `fields`: (type code, name, class of an object's field), as the stream orders them."""

    name: str
    version: int
    flags: int = _SERIALIZABLE
    fields: Sequence[tuple[str, str, str]] = ()
    parent: "_Class | None" = None


def _boxed(name: str, version: int, code: str, parent: _Class | None) -> _Class:
    return _Class(f"java.lang.{name}", version, fields=((code, "value", ""),), parent=parent)


_NUMBER = _Class("java.lang.Number", 0x86AC951D0B94E08B)
_INTEGER = _boxed("Integer", 0x12E2A0A4F7818738, "I", _NUMBER)
_LONG = _boxed("Long", 0x3B8BE490CC8F23DF, "J", _NUMBER)
_SHORT = _boxed("Short", 0x684D37133460DA52, "S", _NUMBER)
_DOUBLE = _boxed("Double", 0x80B3C24A296BFB04, "D", _NUMBER)
_BOOLEAN = _boxed("Boolean", 0xCD207280D59CFAEE, "Z", None)
_DATE = _Class("java.util.Date", 0x686A81014B597419, _WRITES_ITSELF)
_BYTES = _Class("[B", 0xACF317F8060854E0)
_ARRAY_LIST = _Class("java.util.ArrayList", 0x7881D21D99C7619D, _WRITES_ITSELF, (("I", "size", ""),))
_EMPTY_LIST = _Class("java.util.Collections$EmptyList", 0x7AB817B43CA79EDE)
_HASH_MAP = _Class(
    "java.util.HashMap", 0x0507DAC1C31660D1, _WRITES_ITSELF, (("F", "loadFactor", ""), ("I", "threshold", ""))
)
_LINKED_MAP = _Class(
    "java.util.LinkedHashMap", 0x34C04E5C106CC0FB, fields=(("Z", "accessOrder", ""),), parent=_HASH_MAP
)
_TREE_MAP = _Class(
    "java.util.TreeMap", 0x0CC1F63E2D256AE6, _WRITES_ITSELF, (("L", "comparator", "Ljava/util/Comparator;"),)
)


def serialize(value: Any) -> bytes:
    """What `java.io.ObjectOutputStream` writes for a native value. Raises RecursionError for one nested too deeply."""
    writer = _Writer()
    writer.write(value)
    return bytes(writer.out)


def serialize_object(typed: TypedValue) -> bytes:
    """As `serialize`, for a stored collection that the engine has made (`values.is_made`)."""
    found = to_native(typed)
    kind = _KINDS.get((typed.info or {}).get("objectTypeName", ""))
    return serialize(found if kind is None else kind(found))


class _Writer:
    """One stream. Classes and texts that it has written are referred to by their handles."""

    def __init__(self) -> None:
        self.out = bytearray(_HEADER)
        self._handles: dict[_Class | str, int] = {}
        self._next_handle = _FIRST_HANDLE

    def write(self, value: Any) -> None:
        write = _WRITERS.get(type(value))
        if write is not None:
            write(self, value)
        elif isinstance(value, dict):
            self.linked_map(value)
        elif isinstance(value, list | tuple):
            self.array_list(value)
        else:
            self.write(_json_form(value))

    def null(self, value: None) -> None:
        self.out += _NULL

    def text(self, value: str) -> None:
        if self._referred(value):
            return
        encoded = _modified_utf8(value)
        short = len(encoded) < 1 << 16
        self.out += (_TEXT if short else _LONG_TEXT) + len(encoded).to_bytes(2 if short else 8, "big") + encoded
        self._remember(value)

    def boxed(self, kind: _Class, layout: str, value: Any) -> None:
        self._object(kind)
        self.out += struct.pack(layout, value)

    def date(self, value: datetime) -> None:
        self._object(_DATE)
        self._block(">q", round(value.timestamp() * 1000))
        self.out += _END

    def long(self, value: int) -> None:
        if not -_LONGS_BELOW <= value < _LONGS_BELOW:
            return self.text(str(value))
        return self.boxed(_LONG, ">q", value)

    def bytes(self, value: bytes) -> None:
        self.out += _ARRAY
        self._class(_BYTES)
        self._remember()
        self.out += struct.pack(">i", len(value)) + value

    def empty_list(self, value: EmptyList) -> None:
        self._object(_EMPTY_LIST)

    def array_list(self, value: Sequence[Any]) -> None:
        self._object(_ARRAY_LIST)
        self.out += struct.pack(">i", len(value))
        self._block(">i", len(value))
        for item in value:
            self.write(item)
        self.out += _END

    def linked_map(self, value: dict[Any, Any]) -> None:
        self._object(_LINKED_MAP)
        self._buckets(value)
        self.out += b"\0"  # the field of LinkedHashMap comes after its superclass: accessOrder is false

    def hash_map(self, value: dict[Any, Any]) -> None:
        self._object(_HASH_MAP)
        self._buckets(value)

    def tree_map(self, value: dict[Any, Any]) -> None:
        self._object(_TREE_MAP)
        self.out += _NULL  # no comparator
        self._block(">i", len(value))
        self._entries(sorted(value.items(), key=lambda entry: str(entry[0]).encode("utf-16-be", "surrogatepass")))

    def _buckets(self, value: dict[Any, Any]) -> None:
        buckets = 16
        while len(value) > buckets * _LOAD_FACTOR:
            buckets *= 2
        self.out += struct.pack(">fi", _LOAD_FACTOR, int(buckets * _LOAD_FACTOR))
        self._block(">ii", buckets, len(value))
        self._entries(list(value.items()))

    def _entries(self, entries: list[tuple[Any, Any]]) -> None:
        for key, item in entries:
            self.text(str(key))
            self.write(item)
        self.out += _END

    def _block(self, layout: str, *numbers: int) -> None:
        data = struct.pack(layout, *numbers)
        self.out += _BLOCK + bytes([len(data)]) + data

    def _object(self, kind: _Class) -> None:
        self.out += _OBJECT
        self._class(kind)
        self._remember()

    def _class(self, kind: _Class | None) -> None:
        if kind is None:
            self.out += _NULL
            return
        if self._referred(kind):
            return
        self.out += _CLASS + _utf(kind.name) + kind.version.to_bytes(8, "big")
        self._remember(kind)
        self.out += struct.pack(">Bh", kind.flags, len(kind.fields))
        for code, name, of in kind.fields:
            self.out += code.encode() + _utf(name)
            if of:
                self.text(of)
        self.out += _END
        self._class(kind.parent)

    def _referred(self, what: _Class | str) -> bool:
        handle = self._handles.get(what)
        if handle is None:
            return False
        self.out += _REFERENCE + handle.to_bytes(4, "big")
        return True

    def _remember(self, what: _Class | str | None = None) -> None:
        if what is not None:
            self._handles[what] = self._next_handle
        self._next_handle += 1


def _utf(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode("ascii")


def _modified_utf8(text: str) -> bytes:
    """UTF-8 of the UTF-16 code units, with NUL in two bytes (`java.io.DataInput`)."""
    if text.isascii() and "\0" not in text:
        return text.encode()
    units = text.encode("utf-16-be", "surrogatepass")
    halves = "".join(chr(unit) for (unit,) in struct.iter_unpack(">H", units))
    return halves.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")


def _json_form(value: Any) -> Any:
    """`value` as JSON has it; as text when it is nothing that JSON knows."""
    form = plain(value)
    if isinstance(form, str | dict | list | bool | int | float | None) and type(form) is not type(value):
        return form
    return str(value)


_WRITERS: dict[type, Callable[[_Writer, Any], None]] = {
    type(None): _Writer.null,
    str: _Writer.text,
    bool: lambda writer, value: writer.boxed(_BOOLEAN, ">?", value),
    Integer: lambda writer, value: writer.boxed(_INTEGER, ">i", value),
    Short: lambda writer, value: writer.boxed(_SHORT, ">h", value),
    int: _Writer.long,
    float: lambda writer, value: writer.boxed(_DOUBLE, ">d", value),
    datetime: _Writer.date,
    bytes: _Writer.bytes,
    EmptyList: _Writer.empty_list,
    HashMap: _Writer.hash_map,
    TreeMap: _Writer.tree_map,
}
_KINDS: dict[str, Callable[[Any], Any]] = {
    _HASH_MAP.name: HashMap,
    _TREE_MAP.name: TreeMap,
    _EMPTY_LIST.name: EmptyList,
}
