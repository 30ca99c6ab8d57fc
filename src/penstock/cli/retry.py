"""`penstock retry`"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.options import DEFAULT_URL, Json, Url

if TYPE_CHECKING:
    from penstock.cli.rest import Rest

TASKS_AT_ONCE = 500
"""External tasks whose retries are set by one request."""


def retry(
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="CONDITION",
            help="topic=NAME, definition=KEY or error~TEXT (the message contains it); several must all hold.",
        ),
    ] = None,
    all: Annotated[bool, typer.Option("--all", help="Everything that has failed, without a condition.")] = False,
    retries: Annotated[int, typer.Option(min=1, help="Attempts that each gets.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be tried again.")] = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Have failed external tasks and jobs tried again: those without retries left."""
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.rest import Rest
    from penstock.cli.show import print_json, print_table

    if not where and not all:
        fail("say what: --where topic=…, --where definition=…, --where error~…, or --all", USAGE)
    try:
        conditions = [_condition(text) for text in where or ()]
    except ValueError as error:
        fail(str(error), USAGE)
    with Rest(url) as rest:
        chosen = [row for row in _failed(rest) if all_hold(conditions, row)]
        if not dry_run:
            _set_retries(rest, chosen, retries)
    if json:
        print_json({"dryRun": dry_run, "retries": retries, "chosen": chosen})
        return
    columns = (
        ("KIND", "kind"),
        ("ID", "id"),
        ("TOPIC", "topic"),
        ("DEFINITION", "definition"),
        ("ERROR", "error"),
        ("INSTANCE", "instance"),
    )
    print_table(columns, chosen, "Nothing that has failed fits.")
    if chosen:
        would = "would be" if dry_run else "are"
        typer.echo(f"{len(chosen)} {would} tried again, {retries} {'time' if retries == 1 else 'times'} each.")


Condition = Callable[[Mapping[str, Any]], bool]


def all_hold(conditions: Sequence[Condition], row: Mapping[str, Any]) -> bool:
    """Whether a failed task or job fulfils every condition."""
    return all(condition(row) for condition in conditions)


def _condition(text: str) -> Condition:
    for name, sign in (("topic", "="), ("definition", "="), ("error", "~"), ("error", "=")):
        start = name + sign
        if text.startswith(start):
            wanted = text[len(start) :]
            if sign == "=":
                return lambda row: row[name] == wanted
            return lambda row: wanted.casefold() in (row[name] or "").casefold()
    raise ValueError(f"{text!r} is no condition: write topic=NAME, definition=KEY or error~TEXT")


def _failed(rest: "Rest") -> Iterator[dict[str, Any]]:
    order = {"noRetriesLeft": "true", "sortOrder": "asc"}
    for row in rest.pages("/external-task", {**order, "sortBy": "id"}):
        yield {
            "kind": "external-task",
            "id": row["id"],
            "topic": row["topicName"],
            "definition": row["processDefinitionKey"],
            "error": row["errorMessage"],
            "instance": row["processInstanceId"],
        }
    for row in rest.pages("/job", {**order, "sortBy": "jobId"}):
        yield {
            "kind": "job",
            "id": row["id"],
            "topic": None,
            "definition": row["processDefinitionKey"],
            "error": row["exceptionMessage"],
            "instance": row["processInstanceId"],
        }


def _set_retries(rest: "Rest", rows: Sequence[Mapping[str, Any]], retries: int) -> None:
    from penstock.cli.rest import segment

    tasks = [row["id"] for row in rows if row["kind"] == "external-task"]
    for at in range(0, len(tasks), TASKS_AT_ONCE):
        chunk = tasks[at : at + TASKS_AT_ONCE]
        rest.put("/external-task/retries", {"retries": retries, "externalTaskIds": chunk})
    for row in rows:
        if row["kind"] == "job":
            rest.put(f"/job/{segment(row['id'])}/retries", {"retries": retries})
