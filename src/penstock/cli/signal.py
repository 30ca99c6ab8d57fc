"""`penstock signal`"""

from typing import Annotated, Any

import typer

from penstock.cli.options import DEFAULT_URL, Tenant, Url, Variables


def signal(
    name: Annotated[str, typer.Argument(help="Name of the signal.")],
    var: Variables = None,
    execution: Annotated[str | None, typer.Option(help="Only to this execution.")] = None,
    tenant: Tenant = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Throw a signal to everything that waits for it."""
    from penstock.cli import variables
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.rest import Rest

    try:
        body: dict[str, Any] = {"name": name, "variables": variables.parse(var)}
    except ValueError as error:
        fail(str(error), USAGE)
    for field, value in (("executionId", execution), ("tenantId", tenant)):
        if value is not None:
            body[field] = value
    with Rest(url) as rest:
        rest.post("/signal", body)
    typer.echo(f"Threw {name}.")
