"""What definitions of all kinds have: the file that they came from, and the picture beside it."""

from penstock.api import problems
from penstock.api.deployment.media import media_type
from penstock.api.http import Request, Response, attachment
from penstock.store.protocol import Row
from penstock.store.query import Query, eq


async def _content(request: Request, row: Row, name: str) -> bytes:
    where = (eq("deployment_id", row["deployment_id"]), eq("name", name))
    rows = await request.engine.rows(Query("resource", where))
    if not rows:
        raise problems.invalid(404, f"No resource found with name '{name}' in deployment '{row['deployment_id']}'.", 0)
    content: bytes = rows[0]["content"]
    return content


async def file_of(request: Request, row: Row) -> str:
    """The text of a definition's file."""
    return (await _content(request, row, row["resource_name"])).decode("utf-8-sig", "replace")


async def picture_of(request: Request, row: Row) -> Response | None:
    """A definition's picture; None without one."""
    name = row["diagram_name"]
    if not name:
        return None
    plain = name.rpartition("/")[2]
    return attachment(await _content(request, row, name), media_type(plain), plain)
