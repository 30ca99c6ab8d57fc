"""`OPTIONS` of resources: which operations there are, as links (Camunda 7 `ResourceOptionsDto`)."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from penstock.api.http import Handler, Request

Link = tuple[str, str, str]
"""(method, path below the resource's own, relation)."""

COLLECTION: Sequence[Link] = (("GET", "", "list"), ("GET", "/count", "count"), ("POST", "/create", "create"))
ITEM: Sequence[Link] = (("GET", "", "self"), ("DELETE", "", "delete"), ("PUT", "", "update"))
MEMBERS: Sequence[Link] = (("DELETE", "", "delete"), ("PUT", "", "create"))


def self_link(request: Request, path: str) -> dict[str, str]:
    """The link of something that was just made to itself."""
    return {"method": "GET", "href": request.link(path), "rel": "self"}


def links(path: str, found: Sequence[Link]) -> Handler:
    """The handler of `OPTIONS path`; a `{id}` in it is the id that was asked for, whether there is such a thing or not."""

    async def handle(request: Request, *ids: str) -> Any:
        base = path.replace("{id}", quote(ids[0], safe="")) if ids else path
        return {
            "links": [
                {"method": method, "href": request.link(base + below), "rel": relation}
                for method, below, relation in found
            ]
        }

    return handle
