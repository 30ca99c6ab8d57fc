"""proton's own loop, in a thread of its own.

Objects of proton belong to that thread: its library counts references without locks. So nothing of it comes out, only
bytes, numbers and texts; and all that asks something of it is a job for that thread. Methods with a leading underscore
run there, the others are called from the event loop.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from threading import Thread
from typing import Any

import msgspec
from proton import Connection, Delivery, Endpoint, Event, Handler, Link, Terminus
from proton.reactor import ApplicationEvent, Container, EventInjector

Take = Callable[[list[tuple[int, bytes]]], None]

HEARTBEAT_S = 20
ANYWHERE = "anywhere"
"""The name of the link on which each message says itself where it goes."""
REPLIES = "replies"
"""The name of the link on which answers to us come: a queue that the broker makes for this connection."""
UNAUTHORIZED = "amqp:unauthorized-access"


class LinkFailed(Exception):
    """What the broker said: `name` of the condition (empty: the connection broke), and its text."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect, and as whom."""

    host: str
    user: str | None
    password: str | None


class Batch:
    """Payloads that are sent together. `answers`: None per accepted one, else why not."""

    def __init__(self, payloads: Sequence[bytes], answer: "asyncio.Future[list[str | None]]") -> None:
        self.payloads = payloads
        self.answers: list[str | None] = [None] * len(payloads)
        self.missing = len(payloads)
        self.answer = answer


class Outgoing:
    """A link to send on: what waits for credit, and what waits for the broker's word, by tag."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.waiting: deque[tuple[Batch, int]] = deque()
        self.sent: dict[str, tuple[Batch, int]] = {}
        self.tags = count(1)


class Mailbox:
    """What has arrived, on its way to the event loop: `take` is called there with numbers and payloads, `ended` when the
    broker has ended the link."""

    def __init__(self, take: Take, ended: Callable[[], None]) -> None:
        self.take = take
        self.ended = ended
        self._arrived: deque[tuple[int, bytes]] = deque()
        self._told = False

    def put(self, number: int, payload: bytes) -> bool:
        """In the thread. Whether the event loop must be told."""
        self._arrived.append((number, payload))
        told, self._told = self._told, True
        return not told

    def empty(self) -> None:
        """In the event loop."""
        self._told = False
        arrived = []
        while self._arrived:
            arrived.append(self._arrived.popleft())
        self.take(arrived)


class Incoming:
    """A link to receive on, and what has come on it, by number."""

    def __init__(self, link: Link, mailbox: Mailbox) -> None:
        self.link = link
        self.mailbox = mailbox
        self.unsettled: dict[int, Delivery] = {}
        self.numbers = count(1)


class Reactor(Handler):  # type: ignore[misc]
    """One connection at a time. `lost` is called in the event loop when it has gone, `replied` with each answer."""

    def __init__(self, lost: Callable[[LinkFailed], None], replied: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._lost_listener = lost
        self._replied = replied
        self._injector = EventInjector()
        self._container = Container(self)
        self._container.selectable(self._injector)
        self._thread = Thread(target=self._container.run, name="penstock-activemq", daemon=True)
        self._connection: Connection | None = None
        self._outgoing: dict[str, Outgoing] = {}
        self._incoming: dict[str, Incoming] = {}
        self._opening: dict[str, asyncio.Future[str]] = {}
        self._closing: dict[str, asyncio.Future[None]] = {}
        self._reply_address = ""

    # -- called from the event loop

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    async def stop(self) -> None:
        """Ends the connection and the thread."""
        self._submit(self._stop)
        await asyncio.to_thread(self._thread.join)
        for descriptor in self._injector.pipe:
            os.close(descriptor)

    def connect(self, server: Server) -> "asyncio.Future[str]":
        """Connects anew. The result: the address for answers. Raises LinkFailed."""
        return self._ask(lambda opened: self._connect(server, opened))

    def disconnect(self, why: str) -> None:
        """Drops the connection, whatever is under way on it."""
        self._submit(lambda: self._drop(LinkFailed("", why)))

    def send(self, target: str, payloads: Sequence[bytes]) -> "asyncio.Future[list[str | None]]":
        """Sends in order; the result: None per accepted payload, or why it was not."""
        return self._ask(lambda answer: self._send(target, Batch(payloads, answer)))

    def attach(self, name: str, source: str, mailbox: Mailbox) -> "asyncio.Future[str]":
        """Begins to receive from `source`, nothing before `flow`."""
        return self._ask(lambda opened: self._attach(name, source, mailbox, opened))

    def flow(self, name: str, credit: int) -> None:
        """So many more may come."""
        self._submit(lambda: self._flow(name, credit))

    def accept(self, name: str, numbers: Sequence[int]) -> "asyncio.Future[list[str | None]]":
        """Settles; the result comes when it is durable."""
        return self._ask(lambda answer: self._accept(name, numbers, answer))

    def detach(self, name: str) -> "asyncio.Future[None]":
        """Gives back what is not settled, and ends."""
        return self._ask(lambda closed: self._detach(name, closed))

    def _ask(self, job: Callable[["asyncio.Future[Any]"], None]) -> "asyncio.Future[Any]":
        answer: asyncio.Future[Any] = self._loop.create_future()

        def run() -> None:
            try:
                job(answer)
            except Exception as error:
                self._tell(answer, error.with_traceback(None))  # whose frames hold objects of proton

        self._submit(run)
        return answer

    def _submit(self, job: Callable[[], None]) -> None:
        self._injector.trigger(ApplicationEvent("job", subject=job))

    # -- in the thread: answers

    def _tell(self, answer: "asyncio.Future[Any]", result: object) -> None:
        def settle() -> None:
            if answer.done():
                return  # nobody waits any longer
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        self._call(settle)

    def _call(self, function: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    def on_job(self, event: ApplicationEvent) -> None:
        """A job for this thread."""
        event.subject()

    # -- in the thread: the connection

    def _connect(self, server: Server, opened: "asyncio.Future[str]") -> None:
        self._forget(LinkFailed("", "connected anew"))
        self._opening[REPLIES] = opened
        login = {} if server.user is None else {"user": server.user, "password": server.password or ""}
        self._connection = self._container.connect(
            f"amqp://{server.host}",
            reconnect=False,
            heartbeat=HEARTBEAT_S,
            allowed_mechs="ANONYMOUS" if server.user is None else "PLAIN",
            **login,
        )

    def on_connection_remote_open(self, event: Event) -> None:
        """Connected: the queue for answers is next."""
        if event.connection == self._connection:
            link = self._container.create_receiver(self._connection, name=REPLIES, dynamic=True)
            self._incoming[REPLIES] = Incoming(link, Mailbox(lambda arrived: None, lambda: None))
            link.flow(1000)

    def on_connection_remote_close(self, event: Event) -> None:
        """The broker ends it."""
        if event.connection == self._connection:
            self._drop(_failed(event.connection.remote_condition, "the broker closed the connection"))

    def on_transport_error(self, event: Event) -> None:
        """Refused, cut, or silent for too long."""
        if event.connection == self._connection:
            self._drop(_failed(event.transport.condition, "the connection broke"))

    def on_transport_closed(self, event: Event) -> None:
        """Gone."""
        if event.connection == self._connection:
            self._drop(LinkFailed("", "the connection has ended"))

    def _drop(self, why: LinkFailed) -> None:
        if self._connection is not None:
            self._forget(why)
            self._call(lambda: self._lost_listener(why))

    def _forget(self, why: LinkFailed) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.close()
        if connection.transport is not None:
            connection.transport.close_tail()
        answers: set[asyncio.Future[Any]] = {*self._opening.values(), *self._closing.values()}
        answers.update(batch.answer for link in self._outgoing.values() for batch in _batches(link))
        for answer in answers:
            self._tell(answer, why)
        for table in (self._outgoing, self._incoming, self._opening, self._closing):
            table.clear()

    def _stop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._injector.close()

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise LinkFailed("", "there is no connection")
        return self._connection

    # -- in the thread: links

    def _attach(self, name: str, source: str, mailbox: Mailbox, opened: "asyncio.Future[str]") -> None:
        link = self._container.create_receiver(self._open_connection(), source, name=name)
        self._incoming[name] = Incoming(link, mailbox)
        self._opening[name] = opened

    def on_link_remote_open(self, event: Event) -> None:
        """A link without a source or target has failed; the reason follows with its end."""
        link = event.link
        address = link.remote_source.address if link.is_receiver else ""
        if (
            link.is_receiver
            and link.remote_source.type != Terminus.UNSPECIFIED
            and event.connection == self._connection
        ):
            opened = self._opening.pop(link.name, None)
            if link.name == REPLIES:
                self._reply_address = address
            if opened is not None:
                self._tell(opened, address)

    def on_link_remote_close(self, event: Event) -> None:
        """The broker ends a link: refused, or its queue has gone."""
        link, why = event.link, _failed(event.link.remote_condition, "the broker closed the link")
        if link.state & Endpoint.LOCAL_ACTIVE:
            link.close()
        if event.connection != self._connection:
            return
        closing = self._closing.pop(link.name, None)
        if closing is not None:
            self._tell(closing, None)
        elif link.is_receiver:
            self._end_incoming(link.name, why)
        else:
            self._end_outgoing(link.name, why)

    def _end_incoming(self, name: str, why: LinkFailed) -> None:
        opening, incoming = self._opening.pop(name, None), self._incoming.pop(name, None)
        if name == REPLIES:
            self._drop(why)
        elif opening is not None:
            self._tell(opening, why)
        elif incoming is not None:
            self._call(incoming.mailbox.ended)

    def _end_outgoing(self, name: str, why: LinkFailed) -> None:
        outgoing = self._outgoing.pop(name, None)
        if outgoing is not None:
            for answer in {batch.answer for batch in _batches(outgoing)}:
                self._tell(answer, why)

    def _detach(self, name: str, closed: "asyncio.Future[None]") -> None:
        incoming = self._incoming.pop(name, None)
        if incoming is None:
            self._tell(closed, None)
            return
        self._closing[name] = closed
        incoming.link.close()

    # -- in the thread: sending

    def _send(self, target: str, batch: Batch) -> None:
        outgoing = self._outgoing.get(target)
        if outgoing is None:
            place = None if target == ANYWHERE else target
            link = self._container.create_sender(self._open_connection(), place, name=target)
            outgoing = self._outgoing[target] = Outgoing(link)
        outgoing.waiting.extend((batch, at) for at in range(len(batch.payloads)))
        self._send_waiting(outgoing)

    def on_link_flow(self, event: Event) -> None:
        """There is credit."""
        if event.link.is_sender and event.connection == self._connection and event.link.name in self._outgoing:
            self._send_waiting(self._outgoing[event.link.name])

    def _send_waiting(self, outgoing: Outgoing) -> None:
        link = outgoing.link
        credit = link.credit
        while credit > 0 and outgoing.waiting:
            credit -= 1
            batch, at = outgoing.waiting.popleft()
            tag = str(next(outgoing.tags))
            outgoing.sent[tag] = (batch, at)
            link.delivery(tag)
            link.stream(batch.payloads[at])
            link.advance()

    def _answered(self, delivery: Delivery, name: str) -> None:
        accepted = delivery.remote_state == Delivery.ACCEPTED
        answer = None if accepted else _why_not(delivery)
        batch, at = self._outgoing[name].sent.pop(delivery.tag)
        delivery.settle()
        batch.answers[at] = answer
        batch.missing -= 1
        if not batch.missing:
            self._tell(batch.answer, batch.answers)

    # -- in the thread: receiving

    def on_delivery(self, event: Event) -> None:
        """A message has come, or the broker's word on one of ours."""
        delivery, link = event.delivery, event.link
        if event.connection != self._connection:
            return
        if link.is_sender:
            if delivery.updated and link.name in self._outgoing and delivery.tag in self._outgoing[link.name].sent:
                self._answered(delivery, link.name)
        elif delivery.aborted:
            delivery.settle()
        elif delivery.readable and not delivery.partial and link.name in self._incoming:
            payload = bytes(link.recv(delivery.pending) or b"")
            link.advance()
            self._arrived(self._incoming[link.name], delivery, payload)

    def _arrived(self, incoming: Incoming, delivery: Delivery, payload: bytes) -> None:
        if incoming.link.name == REPLIES:
            self._accept_one(delivery)
            incoming.link.flow(1)
            self._call(lambda: self._replied(payload))
            return
        number = next(incoming.numbers)
        incoming.unsettled[number] = delivery
        if incoming.mailbox.put(number, payload):
            self._call(incoming.mailbox.empty)

    def _flow(self, name: str, credit: int) -> None:
        if name in self._incoming:
            self._incoming[name].link.flow(credit)

    def _accept(self, name: str, numbers: Sequence[int], answer: "asyncio.Future[list[str | None]]") -> None:
        """Artemis does not confirm what is settled. It works off a session in order, and confirms what is sent on it when
        all before is durable: so a message to ourselves is sent behind."""
        connection = self._open_connection()
        if name in self._incoming:
            unsettled = self._incoming[name].unsettled
            for number in numbers:
                if number in unsettled:
                    self._accept_one(unsettled.pop(number))
        connection.transport.pending()  # writes what is settled now; else proton would write the message first
        self._send(self._reply_address, Batch([BARRIER], answer))

    def _accept_one(self, delivery: Delivery) -> None:
        delivery.update(Delivery.ACCEPTED)
        delivery.settle()


BARRIER = b"\x00\x53\x75\xa0\x00"
"""The smallest message: one section with no data."""


def _batches(outgoing: Outgoing) -> list[Batch]:
    return [batch for batch, _ in (*outgoing.waiting, *outgoing.sent.values())]


def _failed(condition: Any, otherwise: str) -> LinkFailed:
    if condition is None:
        return LinkFailed("", otherwise)
    return LinkFailed(str(condition.name or ""), str(condition.description or condition.name))


def _why_not(delivery: Delivery) -> str:
    condition = delivery.remote.condition
    if condition is None:
        return f"the broker answered {delivery.remote_state}"
    return str(condition.description or condition.name)
