"""Publishing: a batch goes out in one go, and JetStream acknowledges each message."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count

from nats.aio.msg import Msg
from nats.errors import Error, MaxPayloadError, NoRespondersError

from penstock.base.clock import Clock
from penstock.bus.bookkeeping import NOT_BEFORE_MS, refusals
from penstock.bus.nats.connection import PASSING_CODES, Connection, Fault, describe, fault_of
from penstock.bus.nats.records import message_headers
from penstock.bus.nats.streams import Streams
from penstock.bus.protocol import Channel, Message

PART_MESSAGES = 1_000
PART_BYTES = 4 * 1024 * 1024
"""A larger batch goes in parts: the client keeps all that it has not yet sent."""
NO_RESPONDERS = "503"


class Producer:
    """Publishes, and takes the acknowledgements, which come to an inbox of its own."""

    def __init__(self, connection: Connection, streams: Streams, clock: Clock) -> None:
        self._connection = connection
        self._streams = streams
        self._clock = clock
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

    async def publish(self, messages: Sequence[Message]) -> list[str | None]:
        """See `bus.protocol.Bus.publish`."""
        await self._streams.declare([Channel(name) for name in dict.fromkeys(each.channel for each in messages)])
        answers = refusals(messages, self._connection.options.message_bytes_max)
        part: dict[int, Message] = {}
        size = 0
        for number, message in enumerate(messages):
            if answers[number] is None:
                part[number] = message
                size += len(message.body)
                if len(part) >= PART_MESSAGES or size >= PART_BYTES:
                    await self._publish(part, answers)
                    part, size = {}, 0
        await self._publish(part, answers)
        return answers

    async def _publish(self, part: Mapping[int, Message], answers: list[str | None]) -> None:
        if not part:
            return
        sent: dict[int, asyncio.Future[Msg]] = {}
        replies: list[str] = []
        try:
            async with asyncio.timeout(self._connection.timeout_s):
                for number, message in part.items():
                    replies.append(f"{self._inbox}.{next(self._numbers)}")
                    answers[number] = await self._send(message, replies[-1], number, sent)
                if sent:
                    await asyncio.wait(sent.values())
        except (Error, OSError) as error:
            raise self._connection.failed(error) from error
        finally:
            for reply in replies:
                self._waiting.pop(reply, None)
        for number, future in sent.items():
            answers[number] = self._refusal(future.result(), part[number])

    async def _send(
        self, message: Message, reply: str, number: int, sent: dict[int, asyncio.Future[Msg]]
    ) -> str | None:
        """Sends it, or says why not."""
        notes = {NOT_BEFORE_MS: str(self._clock.now_ms() + message.delay_ms)} if message.delay_ms > 0 else {}
        headers = message_headers(message, notes)
        try:
            await self._connection.client.publish(message.channel, message.body, reply=reply, headers=headers)
        except MaxPayloadError as error:
            return describe(error)
        sent[number] = self._waiting[reply] = asyncio.get_running_loop().create_future()
        return None

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
