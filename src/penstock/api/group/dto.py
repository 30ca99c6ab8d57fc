"""Groups as JSON (Camunda 7 `GroupDto`)."""

from typing import Any

from penstock.api.dto import Body
from penstock.identity.groups import Group
from penstock.store.protocol import Row


class GroupBody(Body):
    """`GroupDto`."""

    id: str | None = None
    name: str | None = None
    type: str | None = None

    def group(self) -> Group:
        """The same for the engine."""
        return Group(id=self.id, name=self.name, type=self.type)


def group(row: Row) -> dict[str, Any]:
    """`GroupDto` of a row of `identity_group`."""
    return {"id": row["id"], "name": row["name"], "type": row["type"]}
