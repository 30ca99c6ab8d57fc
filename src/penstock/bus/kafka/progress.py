"""What of one partition is settled. Kafka knows one position per group and partition; messages settle in any order."""


class Progress:
    """Offsets that are read and not settled, in order; all before the first of them is settled."""

    def __init__(self) -> None:
        self._open: dict[int, None] = {}
        self._next: int | None = None
        self._committed: int | None = None

    def read(self, offset: int) -> None:
        """A record was read; offsets only grow."""
        self._open[offset] = None
        self._next = offset + 1

    def is_open(self, offset: int) -> bool:
        """Whether it was read and not settled."""
        return offset in self._open

    def settle(self, offset: int) -> None:
        """The record is settled."""
        self._open.pop(offset, None)

    def to_commit(self) -> int | None:
        """The position that the broker should know; None when it knows it, or nothing was read."""
        position = next(iter(self._open), self._next)
        return None if position == self._committed else position

    def committed(self, position: int) -> None:
        """The broker knows it now."""
        self._committed = position
