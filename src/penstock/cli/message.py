"""`penstock message`"""

from typing import Annotated, Any

import typer

from penstock.cli.options import DEFAULT_URL, Json, Tenant, Url, Variables


def message(
    name: Annotated[str, typer.Argument(help="Name of the message.")],
    var: Variables = None,
    business_key: Annotated[str | None, typer.Option("--business-key", help="Of the instance that waits.")] = None,
    correlate: Annotated[
        list[str] | None,
        typer.Option("--correlate", metavar="NAME=VALUE", help="A variable that the receiver must have."),
    ] = None,
    instance: Annotated[str | None, typer.Option(help="Id of the instance that waits.")] = None,
    all: Annotated[bool, typer.Option("--all", help="To every receiver, not to exactly one.")] = False,
    tenant: Tenant = None,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Correlate a message: with an instance that waits for it, or with a message start event."""
    from penstock.cli import variables
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.rest import Rest
    from penstock.cli.show import print_json, print_table

    try:
        body: dict[str, Any] = {
            "messageName": name,
            "processVariables": variables.parse(var),
            "correlationKeys": variables.parse(correlate),
            "resultEnabled": True,
            "all": all,
        }
    except ValueError as error:
        fail(str(error), USAGE)
    for field, value in (("businessKey", business_key), ("processInstanceId", instance), ("tenantId", tenant)):
        if value is not None:
            body[field] = value
    with Rest(url) as rest:
        results = rest.post("/message", body) or []
    if json:
        print_json(results)
        return
    rows = [
        {
            "what": result["resultType"],
            "instance": (result.get("execution") or {}).get("processInstanceId")
            or (result.get("processInstance") or {}).get("id"),
        }
        for result in results
    ]
    print_table((("RECEIVER", "what"), ("INSTANCE", "instance")), rows, f"Nothing has received {name!r}.")
