"""Calls over HTTP: keep-alive connections to one service. Redirects are not followed."""

from collections.abc import Mapping

import msgspec

from penstock.worker.errors import AnswerTooLong, ConnectionLost, TaskFailure
from penstock.worker.http.aio import Pool
from penstock.worker.http.wire import Address, Ask
from penstock.worker.http.wire import Answer as Raw
from penstock.worker.logic import retry_after_ms
from penstock.worker.patterns.calls import Answer, Call, Unavailable


class HttpCaller:
    """One service. `headers`: sent with every call. Raises ValueError for a wrong address or a header with a line break."""

    def __init__(self, url: str, headers: Mapping[str, str], concurrency: int, answer_bytes_max: int) -> None:
        for name, value in headers.items():
            if not value.isascii() or not value.isprintable():
                raise ValueError(f"the value of header {name} is no printable ASCII")
        self._headers = headers
        self._bytes_max = answer_bytes_max
        self._address = Address(url, None, None)
        self._pool = Pool(self._address, concurrency)

    async def call(self, call: Call, timeout_s: float) -> Answer:
        """See `calls.Caller`."""
        # The call's own headers go over those of the endpoint.
        stated = {name.lower(): value for name, value in {**self._headers, **call.headers}.items()}
        ask = Ask(
            call.method,
            call.target,
            call.body,
            timeout_s=timeout_s,
            headers=stated,
            answer_bytes_max=self._bytes_max,
        )
        try:
            raw = await self._pool.send(ask)
        except AnswerTooLong:
            why = f"{call.what} was answered with more than answer_bytes_max ({self._bytes_max}) bytes"
            raise TaskFailure(why, retries=0, unclear=True) from None
        except ConnectionLost as lost:
            raise Unavailable(f"{call.what}: {self._without(lost.message, call)}", unclear=lost.sent) from None
        except (ValueError, UnicodeEncodeError):
            raise TaskFailure(f"{call.what}: a header has a value that cannot be sent", retries=0) from None
        return _answer(raw)

    async def close(self) -> None:
        """See `calls.Caller`."""
        await self._pool.close()

    def _without(self, message: str, call: Call) -> str:
        """The path holds values of the process, and that of the endpoint may hold a secret."""
        url = self._address.url
        plain = message.replace(f"{call.method} {call.target}", "the request")
        return plain.replace(url, url.removesuffix(self._address.prefix))


def _answer(raw: Raw) -> Answer:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw.headers.items()}
    return Answer(
        status=raw.status,
        headers=headers,
        body=content(raw.body, headers.get("content-type", "")),
        retry_after_ms=retry_after_ms(raw) or 0,
    )


def content(body: bytes, type: str) -> object:
    """What a body says: JSON if it is any, else its text; None for an empty one."""
    if not body:
        return None
    media = type.partition(";")[0].strip().lower()
    if media in ("", "application/json") or media.endswith("+json"):
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError:
            pass
    return body.decode("utf-8", "replace")
