"""`penstock get`"""

from typing import Annotated

import typer

from penstock.cli.options import DEFAULT_URL, Json, Url


def get(
    kind: Annotated[
        str, typer.Argument(help="instance, definition, deployment, task, external-task, job or incident.")
    ],
    id: Annotated[str, typer.Argument(help="Its id.")],
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Show one thing; an instance with its variables."""
    from penstock.cli.kinds import KINDS, Kind
    from penstock.cli.rest import Rest, segment
    from penstock.cli.show import print_fields, print_json
    from penstock.cli.which import kind_of

    chosen = kind_of(kind)
    with Rest(url) as rest:
        found = rest.get(f"{KINDS[chosen].path}/{segment(id)}")
        if chosen is Kind.INSTANCES:
            values = rest.get("/history/variable-instance", {"processInstanceId": id, "deserializeValues": "false"})
            found["variables"] = {value["name"]: value["value"] for value in values}
    if json:
        print_json(found)
    else:
        print_fields(found)
