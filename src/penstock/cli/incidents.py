"""`penstock incidents`"""

from typing import Annotated

import typer

from penstock.cli.list import list_
from penstock.cli.options import DEFAULT_URL, Json, Url


def incidents(
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="NAME=VALUE", help="A parameter of Camunda's query, such as activityId=ship."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows that are shown.")] = 50,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List what stands still and needs someone; `penstock retry` sets it going again."""
    list_("incidents", where, limit, url, json)
