"""What all calls of an endpoint go through: its breaker, its bound of calls at a time, the time that they may take.

What is out of order costs a task nothing: the call that opens the breaker, those under way then, and probes that fail park their
task. Only failures before it, of which nobody knew yet that they were an outage, take a retry, and one where others succeed.
"""

import asyncio
import logging
from collections.abc import Callable

from penstock.worker.breaker import Breaker, BreakerPolicy, Permit, State
from penstock.worker.errors import Parked, TaskFailure
from penstock.worker.patterns.calls import Answer, Call, Caller, Unavailable

logger = logging.getLogger("penstock.worker")

OUT_OF_ORDER = frozenset({401, 407, 408, 425, 429})
"""Statuses, besides 5xx, that say something of the endpoint and nothing of the task: credentials, load, time."""


class Guard:
    """One endpoint by name. Lives as long as its configuration: a reload that leaves it as it is leaves its breaker, too."""

    def __init__(self, name: str, caller: Caller, *, concurrency: int, timeout_ms: int, policy: BreakerPolicy) -> None:
        self.name = name
        self.timeout_ms = timeout_ms
        self._caller = caller
        self._slots = asyncio.Semaphore(concurrency)
        self._under_way = 0
        self._retired = False
        self.breaker = Breaker(policy, now_s=asyncio.get_running_loop().time, changed=self._changed)

    async def call(
        self,
        call: Call,
        timeout_s: Callable[[], float],
        expected: Callable[[Answer], bool],
        late: Callable[[], Exception | None],
    ) -> Answer:
        """Makes a call.

        `timeout_s`: how long it may take, asked when it begins. `expected`: whether an answer is one that the topic
        knows. `late`: what to raise when it is too late for the task, asked when it is the call's turn and when time is
        up; None: it is not.

        Raises Parked, TaskFailure, and what `late` says."""
        async with self._slots:
            if (error := late()) is not None:
                raise error
            permit = self.breaker.begin()
            if permit is None:
                raise Parked(f"endpoint {self.name} is {self.breaker.state}")
            self._under_way += 1
            try:
                answer = await self._caller.call(call, timeout_s())
                _check(call, answer, expected)
            except Unavailable as unavailable:
                if (error := late()) is not None:
                    self.breaker.dropped(permit)
                    raise error from unavailable
                logger.debug("%s: %s", self.name, unavailable.message)
                outage = self.breaker.failed(permit, wait_ms=unavailable.retry_after_ms)
                raise self._failure(unavailable, permit, outage) from None
            except BaseException:
                self.breaker.dropped(permit)
                raise
            finally:
                self._under_way -= 1
                await self._close_if_retired()
            self.breaker.succeeded(permit)
            return answer

    def _failure(self, unavailable: Unavailable, permit: Permit, outage: bool) -> Exception:
        if outage:
            return self.breaker.parked(permit, f"endpoint {self.name} is {self.breaker.state}: {unavailable.message}")
        details = f"endpoint {self.name}: {unavailable.message}"
        return TaskFailure(unavailable.message, details=details, unclear=unavailable.unclear)

    def _changed(self, state: State) -> None:
        level = logging.WARNING if state is State.OPEN else logging.INFO
        left = f" for {self.breaker.opens_in_s():.1f} s: its tasks wait on the server" if state is State.OPEN else ""
        logger.log(level, "endpoint %s is %s%s", self.name, state, left)

    async def retire(self) -> None:
        """Gives back its connections when its last call is over."""
        self._retired = True
        await self._close_if_retired()

    async def _close_if_retired(self) -> None:
        if self._retired and not self._under_way:
            await self._caller.close()


def _check(call: Call, answer: Answer, expected: Callable[[Answer], bool]) -> None:
    if expected(answer) or answer.error_type is not None:
        return
    if answer.status >= 500 or answer.status in OUT_OF_ORDER:
        # What stands between says that it does not know whether the service has done it.
        unclear = answer.status in (502, 504)
        message = f"{call.what} was answered with {answer.status}"
        raise Unavailable(message, unclear=unclear, retry_after_ms=answer.retry_after_ms)
