"""What JSON does not tell about a collection: the Java class of its items where that is not the one JSON would give.

A shape is None when the JSON says it all, a class's name, or `{"class"?: name, "each": shape}` when all items share one
shape, else `{"class"?: name, "at": {index or key: shape}}`. A list of a million Longs has a shape of 16 characters.
"""

from collections.abc import Callable, Mapping
from typing import Any

Shape = Any
DEPTH_MAX = 200
"""Deepest nesting of a collection: far below Python's own limit, for those who read and write it."""


def shape_of(value: Any, name: Callable[[Any], str | None], depth: int = 0) -> Shape:
    """The shape of a native value; `name`: the class of one value, None when its JSON form tells it. Raises
    RecursionError."""
    if depth > DEPTH_MAX:
        raise RecursionError
    own = name(value)
    told, size = {}, 0
    for key, item in _items(value):
        size += 1
        inner = shape_of(item, name, depth + 1)
        if inner is not None:
            told[str(key)] = inner
    if not told:
        return own
    first = next(iter(told.values()))
    same = len(told) == size and all(shape == first for shape in told.values())
    return {**({"class": own} if own else {}), **({"each": first} if same else {"at": told})}


def shaped(data: Any, shape: Shape, make: Mapping[str | None, Callable[[Any], Any]]) -> Any:
    """The native value of the JSON `data`; `make`: from the JSON form to a value of a class, under None for the rest."""
    own, each, at = (
        (shape.get("class"), shape.get("each"), shape.get("at")) if type(shape) is dict else (shape, None, None)
    )
    if isinstance(data, list):
        data = [shaped(item, each if at is None else at.get(str(index)), make) for index, item in enumerate(data)]
    elif isinstance(data, dict):
        data = {key: shaped(item, each if at is None else at.get(key), make) for key, item in data.items()}
    return make.get(own, make[None])(data)


def _items(value: Any) -> Any:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list | tuple) else ()
