"""`Client` and `AsyncClient`: Camunda's REST API for programs that start processes and talk to them.

Both have the same methods, of which there is one copy (`calls`): here they are only bound to a way of sending. Both keep
connections, and send again what the server has certainly not taken.
"""

import functools
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from penstock.worker import calls
from penstock.worker import reprocessing as bulk
from penstock.worker.http import aio, blocking
from penstock.worker.http.wire import Address, Auth
from penstock.worker.logic import Logic, drive, drive_async

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

CONNECTIONS_MAX = 64


class _Method(Generic[P, T]):
    """A logic as a method: it has the logic's parameters and text."""

    def __init__(self, logic: Callable[P, Logic[T]]) -> None:
        self.logic = logic
        self.__doc__ = logic.__doc__

    def driven(self, drive: Callable[[Logic[T]], R]) -> Callable[P, R]:
        """What calls it. `drive`: runs one logic."""

        @functools.wraps(self.logic)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return drive(self.logic(*args, **kwargs))

        return call


class _Call(_Method[P, T]):
    """A method that runs a logic in the caller's thread."""

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: "Client", owner: type) -> Callable[P, T]: ...
    def __get__(self, client: "Client | None", owner: type) -> "Callable[P, T] | Self":
        if client is None:
            return self
        pool = client.pool
        return self.driven(lambda logic: drive(logic, pool))


class _AsyncCall(_Method[P, T]):
    """A method that runs a logic in the event loop."""

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: "AsyncClient", owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: "AsyncClient | None", owner: type) -> "Callable[P, Awaitable[T]] | Self":
        if client is None:
            return self
        pool = client.pool
        return self.driven(lambda logic: drive_async(logic, pool))


class Client:
    """Blocking; may be used by many threads. `with Client("http://127.0.0.1:8080/engine-rest") as client:`"""

    def __init__(self, base_url: str, *, auth: Auth | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.pool = blocking.Pool(Address(base_url, tls, auth))

    start = _Call(calls.start)
    process_instance = _Call(calls.process_instance)
    process_instances = _Call(calls.process_instances)
    delete_process_instance = _Call(calls.delete_process_instance)
    message = _Call(calls.message)
    signal = _Call(calls.signal)
    variables = _Call(calls.variables)
    variable = _Call(calls.variable)
    set_variables = _Call(calls.set_variables)
    file = _Call(calls.file)
    results = _Call(calls.results)
    deploy = _Call(calls.deploy)
    incidents = _Call(calls.incidents)
    set_retries = _Call(calls.set_retries)
    failed_work = _Call(bulk.failed_work)
    reprocess = _Call(bulk.reprocess)
    reprocessing = _Call(bulk.reprocessing)
    reprocessings = _Call(bulk.reprocessings)
    pause_reprocessing = _Call(bulk.pause_reprocessing)
    resume_reprocessing = _Call(bulk.resume_reprocessing)
    cancel_reprocessing = _Call(bulk.cancel_reprocessing)
    wait_for_reprocessing = _Call(bulk.wait_for_reprocessing)
    version = _Call(calls.version)

    def close(self) -> None:
        """Ends the connections."""
        self.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class AsyncClient:
    """For one event loop. `async with AsyncClient("http://127.0.0.1:8080/engine-rest") as client:`"""

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        tls: ssl.SSLContext | None = None,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self.pool = aio.Pool(Address(base_url, tls, auth), connections_max)

    start = _AsyncCall(calls.start)
    process_instance = _AsyncCall(calls.process_instance)
    process_instances = _AsyncCall(calls.process_instances)
    delete_process_instance = _AsyncCall(calls.delete_process_instance)
    message = _AsyncCall(calls.message)
    signal = _AsyncCall(calls.signal)
    variables = _AsyncCall(calls.variables)
    variable = _AsyncCall(calls.variable)
    set_variables = _AsyncCall(calls.set_variables)
    file = _AsyncCall(calls.file)
    results = _AsyncCall(calls.results)
    deploy = _AsyncCall(calls.deploy)
    incidents = _AsyncCall(calls.incidents)
    set_retries = _AsyncCall(calls.set_retries)
    failed_work = _AsyncCall(bulk.failed_work)
    reprocess = _AsyncCall(bulk.reprocess)
    reprocessing = _AsyncCall(bulk.reprocessing)
    reprocessings = _AsyncCall(bulk.reprocessings)
    pause_reprocessing = _AsyncCall(bulk.pause_reprocessing)
    resume_reprocessing = _AsyncCall(bulk.resume_reprocessing)
    cancel_reprocessing = _AsyncCall(bulk.cancel_reprocessing)
    wait_for_reprocessing = _AsyncCall(bulk.wait_for_reprocessing)
    version = _AsyncCall(calls.version)

    async def close(self) -> None:
        """Ends the connections."""
        await self.pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
