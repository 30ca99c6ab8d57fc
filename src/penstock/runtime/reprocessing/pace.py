"""How a run is divided into parts and shares, so that it goes at a stated rate or as fast as can be.

Each part belongs to one seed job, which is due a stated time after the one before it. There is one seed job at a time,
so the rate holds over any number of nodes, and a run that was paused, or whose nodes were away, has nothing to catch up with.
"""

from __future__ import annotations

from math import ceil

import msgspec

SHARE = 20
"""Things that get their retries in one unit of work: not more, because others wait while it is stepped and committed."""
PART_MS = 250
"""How far apart the parts of a run are that has a rate; further when the rate is lower than one thing in that time."""
PARTS_MAX = 20_000
"""Parts of one run: more would be a large transaction when it is made. Parts become larger instead."""


class Pace(msgspec.Struct, frozen=True):
    """`things_per_job` and `jobs_per_seed` (None: as the settings say) in each part, and a part every `pace_ms` (None: at
    once)."""

    things_per_job: int
    jobs_per_seed: int | None
    pace_ms: int | None


def pace_of(total: int, rate: float | None) -> Pace:
    """The pace of `total` things at `rate` per second."""
    if rate is None:
        return Pace(SHARE, None, None)
    part = max(1, int(rate * PART_MS / 1000), -(-total // PARTS_MAX))
    jobs = -(-part // SHARE)
    things = -(-part // jobs)
    return Pace(things, jobs, ceil(jobs * things * 1000 / rate))
