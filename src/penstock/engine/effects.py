"""What the shell has to do after the commit: data, stored with the events, performed at least once."""

import msgspec


class Effect(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Common form: `key` orders effects of one kind and makes repeated performing harmless."""

    key: str


class WakeWorkers(Effect, frozen=True, kw_only=True, tag=True):
    """External tasks of `topic` are there to be fetched."""

    topic: str


class WakeJobs(Effect, frozen=True, kw_only=True, tag=True):
    """A job is there; it is due at `due_ms` (None: at once)."""

    due_ms: int | None = None
