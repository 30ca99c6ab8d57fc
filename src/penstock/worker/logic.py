"""One logic for programs with and without an event loop: a generator that yields requests and pauses, driven twice."""

import asyncio
import time
from collections.abc import Generator
from typing import Any, Protocol, TypeVar

import msgspec

from penstock.worker.backoff import Backoff
from penstock.worker.errors import ConnectionLost, RestError
from penstock.worker.http.wire import Answer, Ask

T = TypeVar("T")


class Pause(msgspec.Struct, frozen=True):
    """Do nothing for a while."""

    ms: int


Logic = Generator[Ask | Pause, Any, T]
"""What a call does. An `Ask` is answered with an `Answer`, or by ConnectionLost raised inside; a `Pause` with None."""

OVERLOADED = (429, 503)
"""The server has not taken the request: it can always be sent again."""
UNCLEAR = (502, 504)
"""A proxy does not know whether the server has taken it."""

RETRY_AFTER_MAX_MS = 60_000


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How often a request is sent again when the server is out of reach or has too much to do."""

    attempts: int = 5
    backoff: Backoff = Backoff()


IMPATIENT = Patience(attempts=1)


def exchange(ask: Ask, patience: Patience) -> Logic[Answer]:
    """The answer, whatever its status, after as many attempts as `patience` allows. Raises ConnectionLost."""
    attempt = 0
    while True:
        attempt += 1
        try:
            answer: Answer = yield ask
        except ConnectionLost as lost:
            if attempt >= patience.attempts or (lost.sent and not ask.repeatable):
                raise
            yield Pause(patience.backoff.wait_ms(attempt))
            continue
        again = answer.status in OVERLOADED or (answer.status in UNCLEAR and ask.repeatable)
        if not again or attempt >= patience.attempts:
            return answer
        yield Pause(retry_after_ms(answer) or patience.backoff.wait_ms(attempt))


def retry_after_ms(answer: Answer) -> int | None:
    """What the server asks for with `Retry-After` in seconds; None when it does not."""
    text = answer.headers.get(b"retry-after", b"").decode("latin-1").strip()
    return min(int(text) * 1_000, RETRY_AFTER_MAX_MS) if text.isdigit() and len(text) < 10 else None


def succeeded(ask: Ask, patience: Patience) -> Logic[Answer]:
    """As `exchange`; every other status than a success raises RestError."""
    answer: Answer = yield from exchange(ask, patience)
    if not answer.ok:
        raise RestError.of(f"{ask.method} {ask.path}", answer.status, answer.body)
    return answer


class AsyncSender(Protocol):
    """Sends requests in an event loop."""

    async def send(self, ask: Ask) -> Answer:
        """Raises ConnectionLost."""
        ...


class Sender(Protocol):
    """Sends requests and blocks."""

    def send(self, ask: Ask) -> Answer:
        """Raises ConnectionLost."""
        ...


async def drive_async(logic: Logic[T], sender: AsyncSender) -> T:
    """Runs a logic in the event loop."""
    try:
        step = next(logic)
        while True:
            if type(step) is Pause:
                await asyncio.sleep(step.ms / 1000)
                step = logic.send(None)
                continue
            assert type(step) is Ask
            try:
                answer = await sender.send(step)
            except ConnectionLost as lost:
                step = logic.throw(lost)
            else:
                step = logic.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        logic.close()


def drive(logic: Logic[T], sender: Sender) -> T:
    """Runs a logic in this thread."""
    try:
        step = next(logic)
        while True:
            if type(step) is Pause:
                time.sleep(step.ms / 1000)
                step = logic.send(None)
                continue
            assert type(step) is Ask
            try:
                answer = sender.send(step)
            except ConnectionLost as lost:
                step = logic.throw(lost)
            else:
                step = logic.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        logic.close()
