"""Python callables for what models call by name (`camunda:class`, `delegateExpression`, listeners, beans)."""

import inspect
from collections.abc import Callable
from typing import Any

from penstock.worker.errors import BpmnError

Delegate = Callable[[Any], Any]
"""Gets a `penstock.runtime.delegates.DelegateScope`; what it returns becomes the activity's result. A coroutine function or
a function, which runs in the event loop: it must be quick."""


def with_bpmn_errors(delegate: Delegate) -> Delegate:
    """The delegate, which may raise the SDK's `BpmnError` as handlers of topics do."""

    async def call(scope: Any) -> Any:
        from penstock.runtime import delegates

        try:
            value = delegate(scope)
            return await value if inspect.isawaitable(value) else value
        except BpmnError as error:
            for name, value in (error.variables or {}).items():
                scope.set(name, value)
            raise delegates.BpmnError(error.error_code, error.error_message) from error

    return call
