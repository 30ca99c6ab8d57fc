"""What a reader knows of a node while it reads: the fields of the node to be, and what the checks need."""

from collections import Counter
from typing import Any, NamedTuple

from penstock.model.xml import Element


class Subscription(NamedTuple):
    """One event that a scope waits for: what must not be there twice."""

    kind: str
    name: str | None
    start: bool


class Host:
    """What events are caught at: a process, an activity, or the body of a multi-instance activity."""

    def __init__(self) -> None:
        self.subscriptions: set[Subscription] = set()
        self.subscribed_kinds: set[str] = set()
        self.escalations: dict[bool, Counter[str | None]] = {}
        """Codes that are caught: by event sub-processes (True), at the boundary (False). None is every code."""


class Draft(Host):
    """A node, or a process, that is being read. `id` is None where the file gives none; `key` is always there."""

    def __init__(self, element: Element, scope: "Draft | None") -> None:
        super().__init__()
        self.element = element
        self.id = element.id
        self.key = element.id or f"{element.name}-{element.index}"
        self.kind = element.name
        self.scope = scope
        self.body: Host | None = None
        self.fields: dict[str, Any] = {}
        self.level: dict[str | None, Draft] = {}
        self.children: list[Draft] = []
        self.backlog: dict[str, tuple[Element, str | None]] = {}
        self.event_based: Draft | None = None
        self.attached: Draft | None = None
        self.handler: Draft | None = None
        self.catches: str = ""
        self.is_scope = element.name in ("process", "subProcess", "transaction", "adHocSubProcess")
        self.triggered = False
        self.for_compensation = (element.get("isForCompensation") or "").lower() == "true"
        self.caught: set[str] = set()
        """Kinds (compensation, cancel) that boundary events of this activity catch already."""
        self.starts: int = 0
        self.siblings: dict[str | None, Element] = {}
        self.targets: dict[str | None, list[str | None]] = {}
        """For a scope with event-based gateways: its elements by id, and where flows lead by source."""
        self.async_after = False
        self.outgoing: list[tuple[str | None, bool]] = []
        """Id and whether it has a condition, of each sequence flow."""

    @property
    def host(self) -> Host:
        """Where events at this activity's boundary are caught."""
        return self.body or self

    @property
    def host_id(self) -> str:
        return f"{self.id}#multiInstanceBody" if self.body else self.key

    def within(self, scope: "Draft") -> bool:
        """True when this node is somewhere inside `scope`."""
        above = self.scope
        while above is not None:
            if above is scope:
                return True
            above = above.scope
        return False
