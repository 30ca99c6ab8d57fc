"""Python callables that stand for `camunda:class`, `delegateExpression`, listeners and beans, by name."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from penstock.base.errors import DelegateMissing, Failure, PenstockError
from penstock.engine.delegates import DelegateResult
from penstock.engine.questions import CallDelegate
from penstock.expr.host import Resolver
from penstock.expr.values import to_native
from penstock.model.advice import needed
from penstock.model.findings import Finding

Delegate = Callable[["DelegateScope"], Any | Awaitable[Any]]
"""Gets a `DelegateScope`; what it returns becomes the activity's result. May be a coroutine function.

It may be called more than once for one activity: a unit that is stepped again calls it again."""


class BpmnError(Exception):
    """Raised by a delegate: a BPMN error with this code (Camunda 7 `BpmnError`)."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message


class DelegateScope:
    """What a delegate sees of the place where it is called, and what it leaves behind there.

    `element`: id of the activity or flow. `fields`: injected fields, as native values. Values that are set are visible
    to later reads of the same call, and stored when the delegate returns.
    """

    __slots__ = ("_local", "_names", "_set", "element", "fields", "kind")

    def __init__(self, question: CallDelegate) -> None:
        self.element = question.element
        self.kind = question.kind
        self.fields: dict[str, Any] = {name: to_native(value) for name, value in question.fields.items()}
        self._names: Resolver = question.names
        self._set: dict[str, Any] = {}
        self._local: dict[str, Any] = {}

    def get(self, name: str, default: Any = None) -> Any:
        """The variable `name` as a native value, or `default`."""
        for written in (self._local, self._set):
            if name in written:
                return written[name]
        try:
            return self._names.lookup(name)
        except KeyError:
            return default

    def __getitem__(self, name: str) -> Any:
        """The variable, or a host object such as `execution`. Raises KeyError when there is none."""
        missing = object()
        found = self.get(name, missing)
        if found is missing:
            raise KeyError(name)
        return found

    def set(self, name: str, value: Any) -> None:
        """Sets a variable where it is, or at the top when it is new."""
        self._set[name] = value

    def set_local(self, name: str, value: Any) -> None:
        """Sets a variable in the scope of the activity."""
        self._local[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def result(self, value: Any = None, error: tuple[str, str | None] | None = None) -> DelegateResult:
        """What has been done."""
        return DelegateResult(value=value, variables=self._set, local_variables=self._local, error=error)


def plain_name(name: str) -> str:
    """`${bean}` and `#{bean}` name the delegate `bean`."""
    text = name.strip()
    if text[:2] in ("${", "#{") and text.endswith("}"):
        return text[2:-1].strip()
    return text


class Delegates:
    """The registry."""

    def __init__(self, delegates: Mapping[str, Delegate] | None = None) -> None:
        self._delegates: dict[str, Delegate] = dict(delegates or {})

    def register(self, name: str, delegate: Delegate) -> None:
        """Has `delegate` called where a model names `name`: a Java class, a bean, or the text inside `${…}`."""
        self._delegates[name] = delegate

    def has(self, name: str) -> bool:
        """Whether something is registered under this name."""
        return name in self._delegates

    def unanswered(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings of a deployment without those that only ask for what is registered."""
        return [one for one in findings if (name := needed(one.message)) is None or not self.has(plain_name(name))]

    async def call(self, question: CallDelegate) -> DelegateResult:
        """Calls what is registered.

        Raises DelegateMissing when nothing is; Failure when the callable raises anything but `BpmnError` and the
        engine's own errors.
        """
        name = plain_name(question.name)
        delegate = self._delegates.get(name)
        if delegate is None:
            raise DelegateMissing(
                f"'{question.element}' needs '{name}' ({question.kind}), which is Java code and has no home here:"
                f" register a Python callable under the name '{name}'",
                element_id=question.element,
                delegate=name,
            )
        scope = DelegateScope(question)
        try:
            value = delegate(scope)
            if inspect.isawaitable(value):
                value = await value
        except BpmnError as error:
            return scope.result(error=(error.code, error.message))
        except PenstockError:
            raise
        except Exception as error:
            raise Failure(
                f"'{name}' failed in '{question.element}': {type(error).__name__}: {error}", element_id=question.element
            ) from error
        return scope.result(value)
