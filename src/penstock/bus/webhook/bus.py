"""The bus of an HTTP endpoint: `https://robots.example/api`; a message goes to the channel's name below it, by POST.

It has one direction: what the endpoint has to say it says by calling back (`bridge.callbacks`), so there is nothing to
subscribe to. An answer 2xx is the endpoint's receipt. One that says "later" (429, 502 to 504) or none at all is
BusUnavailable; any other is the refusal of that message. A request whose answer was lost is made again: the header
`Idempotency-Key` is the same then.
"""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import httpx

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bus.bookkeeping import refusals
from penstock.bus.protocol import Bus, Channel, HeaderStyle, Lag, Message, Subscribe, Subscription

MESSAGE_BYTES_MAX = 1024 * 1024
TIMEOUT_S = 10.0
AT_ONCE = 20
LATER = frozenset({429, 502, 503, 504})
REASON_CHARS = 200


def make_bus(url: str, clock: Clock, headers: Mapping[str, str] | None = None) -> Bus:
    """The bus for `http://…` or `https://…`, not yet opened. `headers`: of each request. Raises BusFailed."""
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment:
        raise BusFailed(f"an endpoint is written as https://host/path, without ? and #: {parts.scheme}://…")
    return WebhookBus(url.rstrip("/"), headers or {})


class WebhookBus:
    """See `bus.protocol.Bus`."""

    header_style: HeaderStyle = "ce-"
    groups_span_channels = False
    message_bytes_max = MESSAGE_BYTES_MAX

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = headers
        self._client: httpx.AsyncClient | None = None
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def open(self) -> None:
        """An endpoint is reached when there is something to say."""
        if self._client is None:
            # Reading the certificates of the machine takes a while.
            self._client = await asyncio.to_thread(self._make_client)

    def _make_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers=self._headers, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def declare(self, channels: Sequence[Channel]) -> None:
        """What an endpoint takes is its own affair."""

    async def publish(self, messages: Sequence[Message]) -> Sequence[str | None]:
        answers = refusals(messages, self.message_bytes_max)
        in_order: dict[tuple[str, str | int], list[int]] = {}
        for at, message in enumerate(messages):
            if answers[at] is None:
                in_order.setdefault((message.channel, at if message.key is None else message.key), []).append(at)
        done = await asyncio.gather(
            *(self._publish_in_order(messages, places, answers) for places in in_order.values()), return_exceptions=True
        )
        for failed in done:
            if failed is not None:
                raise failed
        return answers

    async def _publish_in_order(
        self, messages: Sequence[Message], places: Sequence[int], answers: list[str | None]
    ) -> None:
        for at in places:
            answers[at] = await self._post(messages[at])
            if answers[at] is not None:
                break
        else:
            return
        for behind in places[places.index(at) + 1 :]:
            answers[behind] = f"held back: an earlier message with the key {messages[at].key!r} was refused"

    async def _post(self, message: Message) -> str | None:
        if self._client is None:
            raise BusUnavailable(f"{self} is closed")
        headers = {**message.headers, "content-type": message.content_type}
        async with self._gate:
            try:
                response = await self._client.post(
                    f"{self._url}/{message.channel}", content=message.body, headers=headers
                )
            except (httpx.HTTPError, OSError) as error:
                raise BusUnavailable(f"{self} is out of reach: {str(error) or type(error).__name__}") from error
        if response.is_success:
            return None
        said = f"{response.status_code} {response.text[:REASON_CHARS]!r}"
        if response.status_code in LATER:
            raise BusUnavailable(f"{self} takes nothing now: it answers {said}")
        return f"the endpoint answers {said}"

    async def subscribe(self, to: Subscribe) -> Subscription:
        raise BusFailed(f"{self} is an HTTP endpoint, from which nothing can be read: it calls back")

    async def lag(self, channel: str, group: str) -> Lag:
        return Lag(0, None)

    def __str__(self) -> str:
        """Without secrets, for messages and logs."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
