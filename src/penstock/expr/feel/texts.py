"""The text of a value: `string(…)` (DMN 1.5 §10.3.4.1)."""

from decimal import Decimal
from typing import Any

from penstock.expr.feel.numbers import text_of
from penstock.expr.feel.run import FeelError
from penstock.expr.feel.temporal import Temporal
from penstock.expr.feel.values import Function, Range

DEPTH_MAX = 50
CHARS_MAX = 1_000_000


def text(value: Any, chars_max: int = CHARS_MAX) -> str:
    """The text of a value; a text inside of a list or context is quoted. Raises FeelError when it is too long."""
    return value if type(value) is str else _Writer(chars_max).write(value)


class _Writer:
    def __init__(self, chars_max: int) -> None:
        self.left = chars_max

    def write(self, value: Any, depth: int = 0) -> str:
        if depth > DEPTH_MAX:
            raise FeelError("a value is nested too deeply for a text")
        made = self._write(value, depth)
        self.left -= len(made)
        if self.left < 0:
            raise FeelError("the text of a value is too long")
        return made

    def _write(self, value: Any, depth: int) -> str:
        if value is None:
            return "null"
        if type(value) is str:
            return _quoted(value)
        if type(value) is bool:
            return "true" if value else "false"
        if type(value) is Decimal:
            return text_of(value)
        if isinstance(value, Temporal):
            return value.isoformat()
        if type(value) is list:
            return "[" + ", ".join(self.write(item, depth + 1) for item in value) + "]"
        if type(value) is dict:
            entries = (f"{_key(name)}: {self.write(item, depth + 1)}" for name, item in value.items())
            return "{" + ", ".join(entries) + "}"
        if type(value) is Range:
            return self._range(value, depth)
        if isinstance(value, Function):
            return f"function({', '.join(value.parameters)})"
        raise FeelError("a value has no text")

    def _range(self, value: Range, depth: int) -> str:
        if value.operator:
            endpoint = value.end if value.start is None else value.start
            return f"({value.operator}{self.write(endpoint, depth + 1)})"
        low, high = self.write(value.start, depth + 1), self.write(value.end, depth + 1)
        return f"{'[' if value.start_included else '('}{low}..{high}{']' if value.end_included else ')'}"


def _key(name: str) -> str:
    return name if name.replace(" ", "").replace("_", "").isalnum() else _quoted(name)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
