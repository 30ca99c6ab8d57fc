"""How often Python looks for cycles."""

import gc

THRESHOLDS = (200_000, 20, 50)
"""With Python's own (700, 10, 10) the collector took 7 to 9 % of the CPU under load, to find nothing: what a request or a
batch makes has no cycles. What a few hundred instances under way keep in memory must not set it off either."""


def collect_rarely() -> None:
    """For a process that has loaded what it needs: that is never looked at again, and the rest seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
