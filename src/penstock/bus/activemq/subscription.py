"""A consumer of the queue of a group. What the group retries comes on that queue too."""

from collections.abc import Mapping, Sequence

from penstock.base.clock import Clock
from penstock.base.ids import UuidSource
from penstock.bus.activemq.connection import Connection
from penstock.bus.activemq.producer import Producer
from penstock.bus.activemq.queues import Queues, queue_address
from penstock.bus.activemq.reactor import Mailbox
from penstock.bus.activemq.records import Receipt, delivery_of
from penstock.bus.adapter.subscription import AdapterSubscription, check_kept
from penstock.bus.protocol import Channel, Delivery, Retry, Settlement, Subscribe


class ActiveMqSubscription(AdapterSubscription):
    """See `bus.protocol.Subscription`. The broker knows by the connection that the consumer lives: there is no lease."""

    _producer: Producer

    def __init__(
        self,
        connection: Connection,
        queues: Queues,
        producer: Producer,
        to: Subscribe,
        dead_letter_channel: str,
        clock: Clock,
    ) -> None:
        super().__init__(producer, to, dead_letter_channel, clock)
        self._connection = connection
        self._queues = queues
        self._ids = UuidSource(clock)
        self._queue = queue_address(to.channel, to.group)
        self._unseen: list[int] = []
        self._attached = ""
        self._links = 0
        self._credit = 0
        self._forget_listener = connection.on_lost(self._on_lost)

    async def open(self) -> None:
        """Begins to receive."""
        self._links += 1
        name, link = f"from-{self._ids.new()}", self._links
        mailbox = Mailbox(lambda arrived: self._take_in(arrived, link), lambda: self._on_ended(link))
        await self._connection.ask(self._connection.reactor().attach(name, self._queue, mailbox))
        self._attached, self._credit = name, 0

    def _on_ended(self, link: int) -> None:
        """The queue was removed, or the broker wants nobody on it."""
        if link == self._links:
            self._on_lost()

    def _on_lost(self) -> None:
        self._attached = ""
        self._links += 1
        self._unseen.clear()
        self._forget()

    # -- receive

    async def receive(self, max_messages: int, timeout_ms: int) -> Sequence[Delivery]:
        found = await super().receive(max_messages, timeout_ms)
        if self._attached:
            self._ask_for_more()
        return found

    async def _fetch(self, max_messages: int, timeout_s: float) -> None:
        if not self._attached:
            await self._queues.declare_again(Channel(self._to.channel, (self._to.group,)))
            await self.open()
        self._arrived.clear()
        self._ask_for_more()
        await self._wait_arrived(timeout_s)
        if self._unseen:
            unseen, self._unseen = self._unseen, []
            await self._accept(unseen)

    def _ask_for_more(self) -> None:
        """In steps of half of what may be asked for, not one by one."""
        room, coming = self._window.fetch_room(), self._credit + len(self._ahead)
        if coming <= room // 2 and room > coming:
            self._credit += room - coming
            self._connection.reactor().flow(self._attached, room - coming)

    def _take_in(self, arrived: Sequence[tuple[int, bytes]], link: int) -> None:
        """Leaves out what is for another group."""
        if link != self._links or self.closed:
            return
        for number, payload in arrived:
            self._credit -= 1
            delivery, notes = delivery_of(payload, self._to.channel, Receipt(number, link))
            if notes.is_for(self._to.group):
                self._ahead.append(delivery)
            else:
                self._unseen.append(number)
        self._arrived.set()

    # -- settle

    async def _settle(self, mine: Mapping[Receipt, Settlement]) -> None:
        again = [self._again(each, delay_ms=each.delay_ms) for each in mine.values() if isinstance(each, Retry)]
        check_kept(await self._producer.copy(again, self._queue))
        await self._bury(mine.values())
        await self._accept([receipt.number for receipt in mine if self._window.holds(receipt)])

    async def _accept(self, numbers: Sequence[int]) -> None:
        await self._connection.ask(self._connection.reactor().accept(self._attached, numbers))

    # -- close

    async def _stop(self) -> None:
        self._forget_listener()

    async def _leave(self, held: Sequence[Receipt]) -> None:
        if self._attached:
            await self._connection.ask(self._connection.reactor().detach(self._attached))
