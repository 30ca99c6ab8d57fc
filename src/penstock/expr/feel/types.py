"""FEEL's types: what belongs to them, and how a value is made to fit (DMN 1.5 §10.3.2.9).

`fit` is the implicit conversion of §10.3.2.9.4: to and from singleton lists, from date to date and time; a value that
still does not conform is null.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from penstock.expr.feel.run import FeelError
from penstock.expr.feel.temporal import UTC_MIDNIGHT, Date, DateTime, DaysTime, Time, YearsMonths
from penstock.expr.feel.values import Function, Range, type_name


class Type:
    """A type. `name` is how FEEL or the model writes it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def holds(self, value: Any) -> bool:
        """Whether a value other than null belongs to this type."""
        raise NotImplementedError

    def conforms_to(self, other: "Type") -> bool:
        """Whether each value of this type also belongs to `other` (§10.3.2.9.2)."""
        return other is ANY or other is self

    def convert(self, value: Any) -> Any:
        """A value of this type from one that nearly is (date to date and time); otherwise the value itself."""
        return value

    def item(self) -> "Type | None":
        """The items' type when this is a list."""
        return None

    def unconstrained(self) -> "Type":
        """The type without its allowed values, which `instance of` does not look at."""
        return self


class Basic(Type):
    """number, string, boolean, the temporal types, and Any."""

    def __init__(self, name: str, classes: tuple[type, ...]) -> None:
        super().__init__(name)
        self.classes = classes

    def holds(self, value: Any) -> bool:
        return type(value) in self.classes

    def conforms_to(self, other: Type) -> bool:
        if other is ANY or other is self:
            return True
        return isinstance(other, Basic) and set(self.classes) <= set(other.classes)

    def convert(self, value: Any) -> Any:
        if type(value) is Date and self.classes == (DateTime,):
            return DateTime(value, UTC_MIDNIGHT)
        return value


class Anything(Type):
    """`Any`: every value but null."""

    def holds(self, value: Any) -> bool:
        return True


class Nothing(Type):
    """`Null`: no value at all."""

    def holds(self, value: Any) -> bool:
        return False

    def conforms_to(self, other: Type) -> bool:
        return True


class ListOf(Type):
    """`list<T>`."""

    def __init__(self, of: Type) -> None:
        super().__init__(f"list<{of.name}>")
        self.of = of

    def holds(self, value: Any) -> bool:
        return type(value) is list and all(allows(self.of, item) for item in value)

    def conforms_to(self, other: Type) -> bool:
        target = other.item()
        return other is ANY or (target is not None and self.of.conforms_to(target))

    def convert(self, value: Any) -> Any:
        return [self.of.convert(item) for item in value] if type(value) is list else value

    def item(self) -> Type | None:
        return self.of

    def unconstrained(self) -> Type:
        return ListOf(self.of.unconstrained())


class ContextOf(Type):
    """`context<a: T, …>`: contexts with at least these entries."""

    def __init__(self, entries: Mapping[str, Type]) -> None:
        super().__init__("context<" + ", ".join(f"{name}: {of.name}" for name, of in entries.items()) + ">")
        self.entries = dict(entries)

    def holds(self, value: Any) -> bool:
        return type(value) is dict and all(
            name in value and allows(of, value[name]) for name, of in self.entries.items()
        )

    def conforms_to(self, other: Type) -> bool:
        if other is ANY:
            return True
        return isinstance(other, ContextOf) and all(
            name in self.entries and self.entries[name].conforms_to(of) for name, of in other.entries.items()
        )

    def convert(self, value: Any) -> Any:
        if type(value) is not dict:
            return value
        return {
            name: self.entries[name].convert(item) if name in self.entries else item for name, item in value.items()
        }

    def unconstrained(self) -> Type:
        return ContextOf({name: of.unconstrained() for name, of in self.entries.items()})


class RangeOf(Type):
    """`range<T>`."""

    def __init__(self, of: Type) -> None:
        super().__init__(f"range<{of.name}>")
        self.of = of

    def holds(self, value: Any) -> bool:
        return type(value) is Range and allows(self.of, value.start) and allows(self.of, value.end)

    def conforms_to(self, other: Type) -> bool:
        return other is ANY or (isinstance(other, RangeOf) and self.of.conforms_to(other.of))


class FunctionOf(Type):
    """`function<T, …> -> R`: contravariant in its parameters, covariant in its result."""

    def __init__(self, parameters: Sequence[Type], result: Type) -> None:
        super().__init__(f"function<{', '.join(of.name for of in parameters)}> -> {result.name}")
        self.parameters = tuple(parameters)
        self.result = result

    def holds(self, value: Any) -> bool:
        if not isinstance(value, Function):
            return False
        types = [of if of is not None else ANY for of in value.types]
        return self._fits(types, value.result if value.result is not None else ANY, unknown=value.result is None)

    def conforms_to(self, other: Type) -> bool:
        if other is ANY:
            return True
        return isinstance(other, FunctionOf) and other._fits(self.parameters, self.result, unknown=False)

    def _fits(self, parameters: Sequence[Type], result: Type, unknown: bool) -> bool:
        if len(parameters) != len(self.parameters):
            return False
        if not all(wanted.conforms_to(of) for wanted, of in zip(self.parameters, parameters, strict=True)):
            return False
        return unknown or result.conforms_to(self.result)


ANY = Anything("Any")
NULL = Nothing("Null")
NUMBER = Basic("number", (Decimal,))
STRING = Basic("string", (str,))
BOOLEAN = Basic("boolean", (bool,))
DATE = Basic("date", (Date,))
TIME = Basic("time", (Time,))
DATE_TIME = Basic("date and time", (DateTime,))
DAYS_TIME = Basic("days and time duration", (DaysTime,))
YEARS_MONTHS = Basic("years and months duration", (YearsMonths,))
DURATION = Basic("duration", (DaysTime, YearsMonths))
CONTEXT = ContextOf({})
LIST = ListOf(ANY)
RANGE = RangeOf(ANY)

BY_NAME: dict[str, Type] = {
    **{of.name: of for of in (ANY, NULL, NUMBER, STRING, BOOLEAN, DATE, TIME, DATE_TIME, DAYS_TIME, YEARS_MONTHS)},
    "any": ANY,
    "dateTime": DATE_TIME,
    "dayTimeDuration": DAYS_TIME,
    "yearMonthDuration": YEARS_MONTHS,
    "duration": DURATION,
    **dict.fromkeys(("integer", "long", "double"), NUMBER),
    "context": CONTEXT,
    "list": LIST,
    "range": RANGE,
}


def allows(of: Type, value: Any) -> bool:
    """Whether a value, or null, may stand where this type is asked for."""
    return value is None or of.holds(value)


def fit_arguments(function: Function, args: Sequence[Any]) -> list[Any]:
    """The arguments of a call by position as the function declares them. Raises FeelError."""
    if len(args) != len(function.parameters):
        raise FeelError(f"{function.name} has {len(function.parameters)} parameters, not {len(args)}")
    return [value if of is None else fit(of, value) for of, value in zip(function.types, args, strict=True)]


def fit(of: Type, value: Any) -> Any:
    """The value as one of this type. Raises FeelError when it is none."""
    if value is None or of is ANY or of.holds(value):
        return value
    converted = of.convert(value)
    if of.holds(converted):
        return converted
    item = of.item()
    if item is not None and type(value) is not list:
        converted = item.convert(value)
        if item.holds(converted):
            return [converted]
    elif item is None and type(value) is list and len(value) == 1:
        converted = of.convert(value[0])
        if allows(of, converted):
            return converted
    raise FeelError(f"a {type_name(value)} is no {of.name}")
