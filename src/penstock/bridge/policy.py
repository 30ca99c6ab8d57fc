"""How often a task that left over a bus is tried, and when again: doubling spans."""

from penstock.bridge.config import Topic

DELAY_MS_MAX = 86_400_000


def after_failure(topic: Topic, retries: int | None) -> tuple[int, int]:
    """(retries left, delay in ms) when one more attempt has failed. `retries`: of the task, None: it never failed."""
    left = max(0, (topic.retries if retries is None else retries) - 1)
    failures = max(1, topic.retries - left)
    return left, min(topic.retry_timeout_ms << min(failures - 1, 30), DELAY_MS_MAX)
