"""Publishing: a batch goes out in one go, and JetStream acknowledges each message."""

import asyncio
from collections.abc import Sequence
from itertools import count

from nats.aio.msg import Msg
from nats.errors import Error, MaxPayloadError, NoRespondersError

from penstock.base.clock import Clock
from penstock.bus.adapter.producer import AdapterProducer
from penstock.bus.bookkeeping import NOT_BEFORE_MS
from penstock.bus.nats.connection import PASSING_CODES, Connection, Fault, fault_of
from penstock.bus.nats.records import message_headers
from penstock.bus.nats.streams import Streams
from penstock.bus.protocol import Message

NO_RESPONDERS = "503"


class Producer(AdapterProducer):
    """Publishes, and takes the acknowledgements, which come to an inbox of its own."""

    def __init__(self, connection: Connection, streams: Streams, clock: Clock) -> None:
        super().__init__(streams, connection.options.message_bytes_max, clock)
        self._connection = connection
        self._streams = streams
        self._inbox = ""
        self._numbers = count()
        self._waiting: dict[str, asyncio.Future[Msg]] = {}

    async def open(self) -> None:
        """Makes the inbox."""
        self._inbox = self._connection.client.new_inbox()
        await self._connection.ask(self._listen)

    async def _listen(self) -> None:
        await self._connection.client.subscribe(
            f"{self._inbox}.*", cb=self._on_answer, pending_msgs_limit=0, pending_bytes_limit=0
        )

    async def _on_answer(self, message: Msg) -> None:
        waiting = self._waiting.pop(message.subject, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def close(self) -> None:
        """The inbox goes with the connection."""

    async def _write(self, messages: Sequence[Message]) -> list[str | None]:
        replies = [f"{self._inbox}.{next(self._numbers)}" for _ in messages]
        try:
            async with asyncio.timeout(self._connection.timeout_s):
                sent = [await self._send(message, reply) for message, reply in zip(messages, replies, strict=True)]
                waiting = [each for each in sent if isinstance(each, asyncio.Future)]
                if waiting:
                    await asyncio.wait(waiting)
        except (Error, OSError) as error:
            raise self._connection.failed(error) from error
        finally:
            for reply in replies:
                self._waiting.pop(reply, None)
        return [
            self._refusal(each.result(), message) if isinstance(each, asyncio.Future) else each
            for each, message in zip(sent, messages, strict=True)
        ]

    async def _send(self, message: Message, reply: str) -> asyncio.Future[Msg] | str:
        """Sends it, or says why not."""
        notes = {NOT_BEFORE_MS: str(self._clock.now_ms() + message.delay_ms)} if message.delay_ms > 0 else {}
        headers = message_headers(message, notes)
        try:
            await self._connection.client.publish(message.channel, message.body, reply=reply, headers=headers)
        except MaxPayloadError as error:
            return self._connection.describe(error)
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = answer
        return answer

    def _refusal(self, answer: Msg, message: Message) -> str | None:
        if answer.headers and answer.headers.get("Status") == NO_RESPONDERS:
            self._streams.forget(message.channel)
            raise self._connection.failed(NoRespondersError())
        fault = fault_of(answer.data)
        if fault is not None and fault.code in PASSING_CODES and not _is_full(fault):
            raise self._connection.failed(ConnectionError(fault.description))
        return None if fault is None else fault.description


def _is_full(fault: Fault) -> bool:
    """A stream at its bound says so with the code of a server that is away."""
    return "exceeded" in fault.description
