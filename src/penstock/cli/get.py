"""`penstock get`"""

import json as json_text
from typing import Annotated, Any

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
            found["variables"] = {value["name"]: _readable(value) for value in values}
    if json:
        print_json(found)
    else:
        print_fields(found)


def _readable(variable: dict[str, Any]) -> Any:
    """The value as the server keeps it; a collection that Java has serialised as JSON."""
    from penstock.worker.values import JAVA, WireValue, read

    value = variable["value"]
    if (variable.get("valueInfo") or {}).get("serializationDataFormat") != JAVA:
        return value
    found = read(variable["name"], WireValue(variable["type"], value, variable["valueInfo"]))
    return found if found is value else json_text.dumps(found, ensure_ascii=False, default=str)
