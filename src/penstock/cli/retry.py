"""`penstock retry`"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from penstock.cli.options import DEFAULT_URL, Json, Url

CONDITIONS: Mapping[str, str] = {
    "topic": "topicName",
    "definition": "processDefinitionKey",
    "version": "processDefinitionVersion",
    "definition-id": "processDefinitionId",
    "activity": "activityId",
    "type": "incidentType",
    "after": "createdAfter",
    "before": "createdBefore",
    "business-key": "businessKey",
    "instance": "processInstanceIds",
    "tenant": "tenantId",
}
"""What `--where NAME=…` is in a filter of the server; `error~TEXT` is beside them."""


def retry(
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="CONDITION",
            help="error~TEXT (the message contains it, in any case), topic=NAME, definition=KEY, version=NUMBER (with"
            " definition), definition-id=ID, activity=ID, type=failedJob or failedExternalTask, after=MOMENT, before=MOMENT"
            " (when it was given up: ISO 8601 with a zone), business-key=KEY, instance=ID, tenant=ID; several must all hold,"
            " but any of several instances.",
        ),
    ] = None,
    all: Annotated[bool, typer.Option("--all", help="Everything that has failed, without a condition.")] = False,
    retries: Annotated[int, typer.Option(min=1, help="Attempts that each gets.")] = 1,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="At most so many per second; without it, as fast as can be.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the oldest so many.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be tried again.")] = False,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Do not wait for the end; `penstock reprocessing show` tells how far it is."),
    ] = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Have failed external tasks and jobs tried again: those without retries left."""
    from penstock.cli import reprocessing
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.rest import Rest
    from penstock.cli.show import print_json

    if not where and not all:
        fail("say what: --where topic=…, --where definition=…, --where error~…, or --all", USAGE)
    try:
        chosen: dict[str, Any] = {**filter_of(where or ()), **({"all": True} if all else {})}
    except ValueError as error:
        fail(str(error), USAGE)
    body: dict[str, Any] = {"filter": chosen, **({} if limit is None else {"limit": limit})}
    with Rest(url) as rest:
        if dry_run:
            found = rest.post(rest.beside("/reprocessing/dry-run"), body)
            print_json(found) if json else _show(found, retries)
            return
        order = {**body, "retries": retries, **({} if rate is None else {"ratePerSecond": rate})}
        run = rest.post(rest.beside("/reprocessing"), order)
        if run is not None and not detach:
            run = reprocessing.follow(rest, run, quiet=json)
        if json:
            print_json(run)
        elif run is None:
            typer.echo("Nothing that has failed fits.")
        else:
            typer.echo(reprocessing.told(run))
        if run is not None and not detach:
            reprocessing.leave(run)


def filter_of(texts: Sequence[str]) -> dict[str, Any]:
    """The conditions as the server reads them. Raises ValueError."""
    found: dict[str, Any] = {}
    for text in texts:
        name, value = _condition(text)
        if name == "processInstanceIds":
            found.setdefault(name, []).append(value)
        elif name in found:
            raise ValueError(f"{text!r} is the second condition of its kind")
        else:
            found[name] = value
    return found


def _condition(text: str) -> tuple[str, Any]:
    start, tilde, part = text.partition("~")
    if tilde and start == "error":
        return "errorMessage", part
    name, equals, value = text.partition("=")
    if not equals or name not in CONDITIONS:
        names = ", ".join(f"{known}=…" for known in CONDITIONS)
        raise ValueError(f"{text!r} is no condition: write error~TEXT or one of {names}")
    if name == "version":
        if not (value.isascii() and value.isdigit()):
            raise ValueError(f"{text!r}: a version is a number")
        return CONDITIONS[name], int(value)
    return CONDITIONS[name], value


def _show(found: Mapping[str, Any], retries: int) -> None:
    from penstock.cli.show import print_table

    columns = (
        ("COUNT", "count"),
        ("TYPE", "incidentType"),
        ("TOPIC", "topicName"),
        ("DEFINITION", "definition"),
        ("ACTIVITY", "activityId"),
        ("ERROR", "error"),
        ("SINCE", "oldest"),
        ("FOR EXAMPLE", "instance"),
    )
    print_table(columns, [_row(group) for group in found["groups"]], "Nothing that has failed fits.")
    count = found["count"]
    if count > found["grouped"]:
        typer.echo(f"{count - found['grouped']} more are in smaller groups.")
    if count:
        typer.echo(f"{count} would be tried again, {retries} {'time' if retries == 1 else 'times'} each.")


def _row(group: Mapping[str, Any]) -> dict[str, Any]:
    key, version = group["processDefinitionKey"], group["processDefinitionVersion"]
    instance = next((one["processInstanceId"] for one in group["examples"]), None)
    return {**group, "definition": None if key is None else f"{key}:{version}", "instance": instance}
