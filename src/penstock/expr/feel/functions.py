"""The table of built-in functions, and how a signature is declared.

A module of `builtins` declares each function with its signature as the standard writes it:

    @builtin("substring(string: string, start position: number, length?: number)")
    def substring(run, text, start, length=None): ...

`name?` may be left out, `*name` takes any number, a type that ends in `?` takes null as well. Arguments are made to fit
(singleton lists, date to date and time) before the function sees them; one that does not fit raises FeelError.
A function may be declared several times: the first signature that fits the arguments is called.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from penstock.expr.feel.run import FeelError, Run, listed
from penstock.expr.feel.temporal import UTC_MIDNIGHT, Date, DateTime, DaysTime, Time, YearsMonths
from penstock.expr.feel.values import Function, Range, type_name

KINDS: dict[str, tuple[type, ...]] = {
    "number": (Decimal,),
    "string": (str,),
    "boolean": (bool,),
    "list": (list,),
    "context": (dict,),
    "date": (Date,),
    "time": (Time,),
    "date and time": (DateTime,),
    "days and time duration": (DaysTime,),
    "years and months duration": (YearsMonths,),
    "duration": (DaysTime, YearsMonths),
    "day": (Date, DateTime),
    "range": (Range,),
    "Any": (),
}
"""Kinds of parameters; "day" is a date or a date and time, "Any" is not checked."""

Body = Callable[..., Any]
B = TypeVar("B", bound=Body)


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a signature."""

    name: str
    kind: str
    classes: tuple[type, ...]
    optional: bool
    nullable: bool
    variadic: bool

    def fit(self, value: Any) -> Any:
        """The argument as the function takes it. Raises FeelError."""
        if type(value) in self.classes or not self.classes:
            if value is None and not self.nullable:
                raise FeelError(f"{self.name} is null")
            return value
        if value is None:
            if self.nullable:
                return None
            raise FeelError(f"{self.name} is null")
        return self._converted(value)

    def _converted(self, value: Any) -> Any:
        if self.kind == "list":
            return [value]
        if self.kind == "function" and isinstance(value, Function):
            return value
        if type(value) is list and len(value) == 1 and value[0] is not None and type(value[0]) is not list:
            return self.fit(value[0])
        if self.kind == "date and time" and type(value) is Date:
            return DateTime(value, UTC_MIDNIGHT)
        raise FeelError(f"{self.name} is a {type_name(value)}, not a {self.kind}")


class Overload(msgspec.Struct, frozen=True):
    """One signature of a built-in function."""

    parameters: tuple[Parameter, ...]
    fewest: int
    most: int | None
    body: Body

    def takes(self, count: int) -> bool:
        return count >= self.fewest and (self.most is None or count <= self.most)

    def call(self, run: Run, args: Sequence[Any]) -> Any:
        """Raises FeelError when an argument does not fit, Exhausted."""
        run.spend(_steps(args))
        if self.most is None:
            fixed, last = self.parameters[:-1], self.parameters[-1]
            rest = [last.fit(value) for value in args[len(fixed) :]]
            return self.body(run, *[of.fit(value) for of, value in zip(fixed, args, strict=False)], rest)
        return self.body(run, *[of.fit(value) for of, value in zip(self.parameters, args, strict=False)])


def _steps(args: Sequence[Any]) -> int:
    """What a call takes: two steps, and more for large arguments, which most functions walk through."""
    steps = 2
    for value in args:
        kind = type(value)
        if kind is str:
            steps += len(value) // 400
        elif kind is list:
            steps += len(value) // 8
        elif kind is dict:
            steps += len(value) // 4
    return steps


class Builtin(Function):
    """A built-in function with all its signatures."""

    __slots__ = ("overloads",)

    def __init__(self, name: str) -> None:
        super().__init__(name, (), ())
        self.overloads: list[Overload] = []

    def add(self, overload: Overload) -> None:
        self.overloads.append(overload)
        if not self.parameters:
            self.parameters = tuple(parameter.name for parameter in overload.parameters)
            self.types = (None,) * len(self.parameters)

    def call(self, run: Run, args: Sequence[Any]) -> Any:
        return self.choose(len(args))(run, args)

    def choose(self, count: int) -> Callable[[Run, Sequence[Any]], Any]:
        """What to call for so many arguments by position. Raises FeelError when no signature takes them."""
        found = [overload for overload in self.overloads if overload.takes(count)]
        if not found:
            raise FeelError(f"{self.name} takes no {count} arguments")
        return found[0].call if len(found) == 1 else _first_fit(found)

    def call_named(self, run: Run, args: Mapping[str, Any]) -> Any:
        failure: FeelError | None = None
        for overload in self.overloads:
            if overload.most is None or not _fits_names(overload, args):
                continue
            values = [args.get(parameter.name) for parameter in overload.parameters]
            while values and overload.parameters[len(values) - 1].name not in args:
                values.pop()
            try:
                return overload.call(run, values)
            except FeelError as error:
                failure = error
        raise failure or FeelError(f"{self.name} has no parameters {listed(list(args))}")


def _fits_names(overload: Overload, args: Mapping[str, Any]) -> bool:
    names = {parameter.name for parameter in overload.parameters}
    needed = {parameter.name for parameter in overload.parameters if not parameter.optional}
    return names.issuperset(args) and needed.issubset(args)


def _first_fit(overloads: Sequence[Overload]) -> Callable[[Run, Sequence[Any]], Any]:
    def call(run: Run, args: Sequence[Any]) -> Any:
        failure: FeelError | None = None
        for overload in overloads:
            try:
                return overload.call(run, args)
            except FeelError as error:
                failure = failure or error
        raise failure or FeelError("no signature fits")

    return call


class Library:
    """Built-in functions by name."""

    def __init__(self, base: "Library | None" = None) -> None:
        self.functions: dict[str, Builtin] = dict(base.functions) if base is not None else {}
        self._own: set[str] = set()

    def builtin(self, signature: str) -> Callable[[B], B]:
        """Declares a function; see the head of this module."""
        name, parameters = _signature(signature)

        def declare(body: B) -> B:
            fewest = sum(not parameter.optional for parameter in parameters)
            variadic = bool(parameters) and parameters[-1].variadic
            most = None if variadic else len(parameters)
            self._function(name).add(Overload(parameters, fewest, most, body))
            return body

        return declare

    def replace(self, signature: str) -> Callable[[B], B]:
        """Declares a function in place of the base library's."""
        name, _ = _signature(signature)
        self._own.add(name)
        self.functions[name] = Builtin(name)
        return self.builtin(signature)

    def _function(self, name: str) -> Builtin:
        """This library's own function; one of the base library is copied with its signatures."""
        if name not in self._own:
            self._own.add(name)
            base = self.functions.get(name)
            self.functions[name] = Builtin(name)
            for overload in base.overloads if base is not None else ():
                self.functions[name].add(overload)
        return self.functions[name]


_PARAMETER = re.compile(r"(\*?)([^:?*]+)(\??):\s*([^?]+)(\??)")


def _signature(text: str) -> tuple[str, tuple[Parameter, ...]]:
    name, _, rest = text.partition("(")
    inside = rest.removesuffix(")").strip()
    return name, tuple(_parameter(part.strip()) for part in inside.split(",")) if inside else ()


def _parameter(text: str) -> Parameter:
    match = _PARAMETER.fullmatch(text)
    if match is None:
        raise ValueError(f"not a parameter: {text}")
    variadic, name, optional, kind, nullable = match.groups()
    classes = () if kind == "function" else KINDS[kind]
    if kind == "Any":
        return Parameter(name, kind, (), bool(optional), bool(nullable), bool(variadic))
    return Parameter(name, kind, classes or (Builtin,), bool(optional), bool(nullable), bool(variadic))


LIBRARY = Library()
builtin = LIBRARY.builtin
