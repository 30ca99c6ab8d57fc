"""Handlers: what they take and what they give back.

A handler is a function or a coroutine function with up to two parameters: the task (`ExternalTask`) and a model of the
variables (a msgspec Struct or a dataclass), in any order, told apart by their annotations; a parameter without annotation
is the task. It returns None, a mapping, a Struct or a dataclass (its fields are variables), a `TaskResult`, or `Completed`
to say more than one of these.
"""

import dataclasses
import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Protocol

import msgspec

from penstock.worker.errors import InvalidVariable
from penstock.worker.results import TaskResult
from penstock.worker.task import ExternalTask


class DataclassLike(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class Completed(msgspec.Struct, kw_only=True, frozen=True):
    """The outcome of a task in full: variables of the process, variables of the task's own scope, and an entry for the
    results. `variables`, `local_variables`: a mapping, a Struct or a dataclass."""

    variables: Any = None
    local_variables: Any = None
    result: TaskResult | None = None


Outcome = None | Mapping[str, Any] | msgspec.Struct | DataclassLike
HandlerFunction = Callable[..., Outcome] | Callable[..., Awaitable[Outcome]]


class Handler:
    """A handler with what is known of its parameters. Raises TypeError for a signature that nobody can call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name: str = getattr(function, "__qualname__", repr(function))
        self.is_async = inspect.iscoroutinefunction(inspect.unwrap(function)) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004
        )
        self.model: type[Any] | None = None
        self._roles: list[tuple[str, bool, bool]] = []
        """(parameter, is the task, by keyword)."""
        hints = self._hints()
        for parameter in inspect.signature(function).parameters.values():
            self._read(parameter, hints.get(parameter.name))

    def _hints(self) -> dict[str, Any]:
        target = self.function if inspect.isroutine(self.function) else type(self.function).__call__
        try:
            return typing.get_type_hints(target)
        except NameError as error:
            raise TypeError(
                f"handler {self.name}: an annotation names what its module does not know ({error}): define models at the"
                " top of a module"
            ) from error

    def _read(self, parameter: inspect.Parameter, hint: Any) -> None:
        by_keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise TypeError(f"handler {self.name}: *args and **kwargs get nothing; take the task or a model")
        is_task = hint is None or hint is ExternalTask
        if not is_task and not _is_model(hint):
            if parameter.default is not inspect.Parameter.empty:
                return
            raise TypeError(
                f"handler {self.name}: parameter '{parameter.name}' is neither the ExternalTask nor a model of the "
                f"variables (a msgspec.Struct or a dataclass), but {hint!r}"
            )
        if any(known == is_task for _, known, _ in self._roles):
            raise TypeError(
                f"handler {self.name}: parameter '{parameter.name}' is a second {'task' if is_task else 'model'}"
            )
        if not is_task:
            self.model = hint
        self._roles.append((parameter.name, is_task, by_keyword))

    @property
    def takes_task(self) -> bool:
        """Whether it looks at the task."""
        return any(is_task for _, is_task, _ in self._roles)

    def variables(self) -> tuple[str, ...] | None:
        """The variables that it can see; None: all, because it takes the task."""
        if self.takes_task:
            return None
        return () if self.model is None else names_of(self.model)

    def call(self, task: ExternalTask) -> Any:
        """Calls it (a coroutine function gives its coroutine). Raises InvalidVariable before it is called."""
        given = {name: task if is_task else self._modelled(task) for name, is_task, _ in self._roles}
        positional = [given[name] for name, _, by_keyword in self._roles if not by_keyword]
        keywords = {name: given[name] for name, _, by_keyword in self._roles if by_keyword}
        return self.function(*positional, **keywords)

    def _modelled(self, task: ExternalTask) -> Any:
        assert self.model is not None
        return modelled(task.variables, self.model)


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and (issubclass(hint, msgspec.Struct) or dataclasses.is_dataclass(hint))


def names_of(model: type[Any]) -> tuple[str, ...]:
    """The names of a model's variables."""
    if issubclass(model, msgspec.Struct):
        return tuple(field.encode_name for field in msgspec.structs.fields(model))
    return tuple(field.name for field in dataclasses.fields(model))


def modelled(variables: Mapping[str, Any], model: type[Any]) -> Any:
    """The variables as the model. Raises InvalidVariable, which names the one that does not fit."""
    try:
        return msgspec.convert(variables, model, dec_hook=_as_it_is)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), model) from error


def _as_it_is(kind: type[Any], value: Any) -> Any:
    if isinstance(value, kind):
        return value
    raise msgspec.ValidationError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


_MISSING = re.compile(r"missing required field `([^`]+)`(?: - at `\$(.*)`)?")
_AT = re.compile(r"^(.*) - at `\$\.([^.\[`]+)(.*)`$")


def _invalid(text: str, model: type[Any]) -> InvalidVariable:
    """The variable in msgspec's message: `Expected …, got … - at `$.name.inner`` or `… missing required field `name``."""
    missing = _MISSING.search(text)
    if missing and not missing[2]:
        return InvalidVariable(missing[1], f"it is missing, and {model.__name__} needs it")
    at = _AT.match(text)
    if at:
        inner = f" at '{at[3].lstrip('.')}'" if at[3] else ""
        return InvalidVariable(at[2], f"{at[1]}{inner} ({model.__name__}.{at[2]})")
    return InvalidVariable("?", f"the variables do not fit {model.__name__}: {text}")
