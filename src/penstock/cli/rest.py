"""The server, as the commands see it: Camunda's REST API over httpx, with errors as one clear line."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from penstock.cli.fail import USAGE, fail

TIMEOUT_S = 60.0
PAGE_ROWS = 1_000
"""Rows that are asked for at once."""


class Rest:
    """A client of one server; `with Rest(url) as rest:`."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        address = url.rstrip("/").removesuffix("/engine-rest")
        if not address.startswith(("http://", "https://")):
            fail(f"{url!r} is no address of a server: write something like http://127.0.0.1:8080", USAGE)
        self.address = address
        try:
            self._client = httpx.Client(base_url=f"{address}/engine-rest/", timeout=TIMEOUT_S, transport=transport)
        except httpx.InvalidURL as error:
            fail(f"{url!r} is no address of a server: {error}", USAGE)

    def __enter__(self) -> "Rest":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def beside(self, path: str) -> str:
        """The address of one of Penstock's own resources, for the other methods."""
        return f"{self.address}/penstock/v1{path}"

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request below `/engine-rest`. Ends the command when the server is out of reach."""
        try:
            return self._client.request(method, path.lstrip("/"), **options)
        except httpx.ConnectError:
            fail(f"no server answers at {self.address}: start one with `penstock up`, or say where it is with --url")
        except httpx.TimeoutException:
            fail(f"{self.address} did not answer within {TIMEOUT_S:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            fail(f"{self.address}: {error}")

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The decoded answer, None for an empty one. Ends the command with the server's message on a refusal."""
        response = self.send(method, path, **options)
        if response.is_error:
            fail(refusal(response))
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            fail(f"{self.address} does not speak Camunda's REST API: {method} {path} was answered with something else")

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """`GET path`."""
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Any) -> Any:
        """`POST path` with a JSON body."""
        return self.call("POST", path, json=body)

    def put(self, path: str, body: Any) -> Any:
        """`PUT path` with a JSON body."""
        return self.call("PUT", path, json=body)

    def pages(self, path: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """All rows of a list; `params` must sort it, so that pages fit together."""
        first = 0
        while True:
            rows = self.get(path, {**params, "firstResult": first, "maxResults": PAGE_ROWS})
            yield from rows
            if len(rows) < PAGE_ROWS:
                return
            first += PAGE_ROWS


def segment(text: str) -> str:
    """`text` as one segment of a path."""
    return quote(text, safe="")


def refusal(response: httpx.Response) -> str:
    """What the server says against the request."""
    try:
        body = response.json()
    except ValueError:
        body = None
    # Camunda's errors have a message, problem details (RFC 9457) a detail.
    said = (body.get("message") or body.get("detail")) if isinstance(body, dict) else None
    if said:
        return str(said)
    return f"{response.request.method} {response.request.url} was answered with {response.status_code}"
