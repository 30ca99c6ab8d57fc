"""To which groups and tenants a user belongs."""

from penstock.identity.changes import Reader
from penstock.store.query import Query, eq


async def groups_of(reader: Reader, user: str) -> list[str]:
    """The ids of the user's groups, in order."""
    rows = await reader.rows(Query("group_member", (eq("user_id", user),)))
    return sorted(row["group_id"] for row in rows)
