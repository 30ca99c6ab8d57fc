"""`penstock list`"""

from typing import Annotated

import typer

from penstock.cli.options import DEFAULT_URL, Json, Url


def list_(
    kind: Annotated[
        str, typer.Argument(help="instances, definitions, deployments, tasks, external-tasks, jobs or incidents.")
    ],
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="NAME=VALUE", help="A parameter of Camunda's query, such as unfinished=true."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows that are shown.")] = 50,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List what is on the server."""
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.kinds import KINDS
    from penstock.cli.rest import Rest
    from penstock.cli.show import print_json, print_table
    from penstock.cli.which import kind_of

    listing = KINDS[kind_of(kind)]
    params: dict[str, str] = dict(listing.order)
    for text in where or ():
        name, equals, value = text.partition("=")
        if not equals:
            fail(f"{text!r} is no condition: write NAME=VALUE", USAGE)
        params[name] = value
    with Rest(url) as rest:
        rows = rest.get(listing.path, {**params, "maxResults": limit})
        more = rest.get(f"{listing.path}/count", _without_order(params))["count"] if len(rows) == limit else len(rows)
    if json:
        print_json(rows)
        return
    print_table(listing.columns, rows, f"There are no {kind}.")
    if more > len(rows):
        typer.echo(f"{len(rows)} of {more} {kind} are shown; --limit shows more.", err=True)


def _without_order(params: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in params.items() if name not in ("sortBy", "sortOrder")}
