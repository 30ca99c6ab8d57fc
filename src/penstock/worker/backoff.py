"""How long to wait before trying again."""

import random

import msgspec


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Waits that double from `first_ms` to `most_ms`, each shortened by up to `jitter` of itself (0 … 1), so that many
    clients that failed together do not come back together."""

    first_ms: int = 100
    most_ms: int = 30_000
    factor: float = 2.0
    jitter: float = 0.5

    def wait_ms(self, attempt: int) -> int:
        """The wait after the `attempt`-th failure in a row (1, 2, …)."""
        # The exponent is bounded: an outage of days makes it large.
        whole = min(self.first_ms * self.factor ** min(attempt - 1, 64), self.most_ms)
        return round(whole * (1 - self.jitter * random.random()))


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """What happens after a task has failed: it is tried `count` times in all, then it is an incident. The wait before
    the next try grows."""

    count: int = 3
    backoff: Backoff = Backoff(first_ms=1_000, most_ms=300_000, jitter=0.2)

    def left(self, retries: int | None) -> int:
        """Retries after one more failure; `retries`: what the server says are left (None: it never failed)."""
        return max((self.count if retries is None else retries) - 1, 0)

    def wait_ms(self, left: int) -> int:
        """The wait before the next try."""
        return self.backoff.wait_ms(max(self.count - left, 1)) if left else 0
