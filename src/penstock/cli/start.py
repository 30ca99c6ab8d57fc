"""`penstock start`"""

from typing import Annotated, Any

import typer

from penstock.cli.options import DEFAULT_URL, Json, Tenant, Url, Variables


def start(
    key: Annotated[str, typer.Argument(help="Key of the process definition; its newest version is started.")],
    var: Variables = None,
    business_key: Annotated[str | None, typer.Option("--business-key", help="Your own key of the instance.")] = None,
    tenant: Tenant = None,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Start a process instance."""
    from penstock.cli import variables
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.rest import Rest, segment
    from penstock.cli.show import print_json

    try:
        body: dict[str, Any] = {"variables": variables.parse(var)}
    except ValueError as error:
        fail(str(error), USAGE)
    if business_key is not None:
        body["businessKey"] = business_key
    path = f"/process-definition/key/{segment(key)}"
    if tenant is not None:
        path += f"/tenant-id/{segment(tenant)}"
    with Rest(url) as rest:
        made = rest.post(f"{path}/start", body)
    if json:
        print_json(made)
    else:
        typer.echo(f"Started {made['id']} of {made['definitionId']}{', which has ended' if made.get('ended') else ''}.")
