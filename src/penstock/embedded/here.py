"""The engine of this process, reached as a server is, without a server: a request is a call, and its answer a value.

So whatever a server does for its clients and workers, it does here: one way through, tested once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from penstock.api import problems
from penstock.api.app import RESOURCES, ROOT, App, refusal
from penstock.api.http import Request, Response
from penstock.base.errors import PenstockError
from penstock.runtime.protocol import Engine
from penstock.worker.errors import ConnectionLost
from penstock.worker.http.wire import Answer, Ask

_log = logging.getLogger("penstock.embedded")

ADDITIONS = "/penstock/v1/"
"""Paths that are not Camunda's."""


class Inside(App):
    """The REST API for callers of this process: nobody has to say who he is, and no metric counts the requests."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, (route for routes in RESOURCES for route in routes))
        self._authentication = None

    async def ask(self, request: Request) -> Response:
        """The answer to a request that is whole. Raises PenstockError."""
        return await self._answer(request)


class Here:
    """The network of workers and callers in this process (`penstock.worker.network.Network`)."""

    url = "this process"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._app = Inside(engine)

    def pool(self, connections_max: int) -> "Pool":
        """See `network.Network`. Nothing has to be bounded: whoever asks waits for the answer."""
        return Pool(self)

    async def answer(
        self, ask: Ask, gone: Callable[[], Awaitable[object]], seen: Callable[[PenstockError], None] | None = None
    ) -> Answer:
        """The answer to a request. `gone`: returns when nobody waits for it any more. `seen`: gets the error that became
        the answer."""
        path, _, query = ask.path.partition("?")
        path = path if path.startswith(ADDITIONS) else f"/{ROOT}{path}"
        scope = {
            "type": "http",
            "method": ask.method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
        }
        headers = {name.encode(): value.encode("latin-1") for name, value in ask.headers.items()}
        headers |= {b"content-type": ask.type.encode(), b"accept": ask.accept.encode(), b"host": b"localhost"}
        request = Request(self._engine, scope, None, headers)
        request.content = ask.body or b""

        async def left() -> None:
            await gone()

        request.gone = left
        response = await self._response(request, seen)
        return Answer(response.status, dict(response.head()), response.body)

    async def _response(self, request: Request, seen: Callable[[PenstockError], None] | None) -> Response:
        try:
            return await self._app.ask(request)
        except PenstockError as error:
            if seen is not None:
                seen(error)
            return refusal(problems.of(error))
        except Exception:
            _log.exception("defect: %s %s", request.method, request.scope["path"])
            return refusal(problems.internal())


class Connection:
    """One caller (`network.Connection`)."""

    def __init__(self, here: Here) -> None:
        self._here = here
        self._gone = asyncio.Event()

    @property
    def usable(self) -> bool:
        """See `network.Connection`."""
        return not self._gone.is_set()

    async def exchange(self, ask: Ask) -> Answer:
        """See `network.Connection`."""
        answer = await self._here.answer(ask, self._gone.wait)
        if self._gone.is_set() and answer.status == 204:
            raise ConnectionLost("nobody waits for the answer any more", sent=True)
        return answer

    def say_goodbye(self) -> None:
        """See `network.Connection`."""
        self._gone.set()

    def close(self) -> None:
        """See `network.Connection`."""
        self._gone.set()


class Pool:
    """All callers of one kind (`network.Pool`)."""

    def __init__(self, here: Here) -> None:
        self._here = here

    async def send(self, ask: Ask, seen: Callable[[PenstockError], None] | None = None) -> Answer:
        """See `network.Pool`. `seen`: gets the error that became the answer."""
        return await self._here.answer(ask, asyncio.Event().wait, seen)

    async def connect(self) -> Connection:
        """See `network.Pool`."""
        return Connection(self._here)

    async def close(self) -> None:
        """See `network.Pool`."""
