"""What users, groups and tenants have in common: the client chooses the id, and nobody is another one afterwards."""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.base.errors import BadUserRequest, Conflict, NotFound
from penstock.identity import resource_ids
from penstock.identity.changes import Changes, MakeChanges, Operation, Present, put, update
from penstock.store.protocol import Row
from penstock.store.query import eq


class Kind(msgspec.Struct, frozen=True):
    """Users, groups or tenants: their name, such as `Group`, and their table, whose columns their attributes are."""

    what: str
    table: str

    def create(self, attributes: Mapping[str, Any], operation: Operation) -> MakeChanges:
        """A new one. Raises BadUserRequest when there is one of that id."""

        async def make(present: Present) -> Changes:
            if await present.find(self.table, eq("id", attributes["id"])):
                raise BadUserRequest(f"The {self.what.lower()} already exists")
            return Changes([put(self.table, attributes)], [operation])

        return make

    def change(self, id: str, attributes: Mapping[str, Any], operation: Operation) -> MakeChanges:
        """Other attributes. Raises NotFound, and Conflict for the attributes of another one."""

        async def make(present: Present) -> Changes:
            await self.must(present, id)
            if resource_ids.check(self.what, attributes["id"]) != id:
                raise Conflict(
                    f"ENGINE-03005 Execution of 'UPDATE {self.what}Entity[{attributes['id']}]' failed."
                    " Entity was updated by another transaction concurrently."
                )
            return Changes([update(self.table, attributes)], [operation])

        return make

    async def must(self, present: Present, id: str) -> Row:
        """The row. Raises NotFound."""
        row = await present.find(self.table, eq("id", id))
        if row is None:
            raise NotFound(f"{self.what} with id {id} does not exist")
        return row
