"""Functions of this process with the signature of AWS Lambda in Python: `def name(event, context)`.

They get what Lambda would give them, as far as handlers look at it: the event as JSON says it, and a context with
`function_name`, `aws_request_id`, `client_context.custom` and `get_remaining_time_in_millis()`.
"""

import asyncio
import importlib
import inspect
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from penstock.worker.errors import TaskFailure
from penstock.worker.patterns.calls import IDEMPOTENCY_KEY, Answer, Call, Unavailable

Function = Callable[[Any, Any], Any]


class ClientContext:
    """What the caller says beside the event."""

    def __init__(self, custom: Mapping[str, str]) -> None:
        self.custom = custom


class Context:
    """The second argument of a function."""

    def __init__(self, name: str, headers: Mapping[str, str], timeout_s: float) -> None:
        self.function_name = name
        self.aws_request_id = headers.get(IDEMPOTENCY_KEY, "")
        self.client_context = ClientContext(headers)
        self._ends_s = time.monotonic() + timeout_s

    def get_remaining_time_in_millis(self) -> int:
        """How long the caller waits yet."""
        return max(round((self._ends_s - time.monotonic()) * 1000), 0)


class LocalCaller:
    """Functions by name, in threads."""

    def __init__(self, functions: Mapping[str, Function], concurrency: int) -> None:
        self._functions = functions
        self._threads = ThreadPoolExecutor(concurrency, "penstock-function")

    async def call(self, call: Call, timeout_s: float) -> Answer:
        """See `calls.Caller`. A function that takes too long goes on in its thread, as nobody can end it."""
        function = self._functions.get(call.target)
        if function is None:
            raise TaskFailure(f"there is no function {call.target}", retries=0)
        event = msgspec.json.decode(call.body or b"null")
        context = Context(call.target, call.headers, timeout_s)
        running = asyncio.get_running_loop().run_in_executor(self._threads, _run, function, event, context)
        try:
            async with asyncio.timeout(timeout_s):
                return await running
        except TimeoutError:
            raise Unavailable(f"{call.what} took longer than {timeout_s:g} s", unclear=True) from None

    async def close(self) -> None:
        """See `calls.Caller`."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _run(function: Function, event: Any, context: Context) -> Answer:
    try:
        result = function(event, context)
        # As Lambda does it: what comes back is what JSON says of it.
        return Answer(status=200, body=msgspec.json.decode(msgspec.json.encode(result)))
    except Exception as error:
        return Answer(status=200, error_type=type(error).__name__, error_message=str(error))


_loading = threading.Lock()


def functions_of(module: str, folder: Path) -> Mapping[str, Function]:
    """The functions of a module, or of a file ending with .py in `folder`. Raises ValueError when there is none."""
    with _loading:
        found = _from_file(folder / module) if module.endswith(".py") else _imported(module)
    return {
        name: function
        for name, function in vars(found).items()
        if inspect.isfunction(function) and function.__module__ == found.__name__ and not name.startswith("_")
    }


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise ValueError(f"there is no module {module}") from None


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"there is no file {path.name}")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    found = sys.modules[path.stem] = module_from_spec(spec)
    spec.loader.exec_module(found)
    return found
