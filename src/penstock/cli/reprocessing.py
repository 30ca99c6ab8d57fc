"""`penstock reprocessing`: runs that `penstock retry` has begun."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.options import DEFAULT_URL, Json, Url

if TYPE_CHECKING:
    from penstock.cli.rest import Rest

FIRST_POLL_S, POLL_S = 0.05, 1.0
SAID_EVERY_S = 5.0

app = typer.Typer(
    help="See, pause and end runs that `penstock retry` has begun.", no_args_is_help=True, rich_markup_mode=None
)

Id = Annotated[str, typer.Argument(help="Id of the run.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most runs that are shown.")] = 20,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List the latest runs."""
    from penstock.cli.rest import Rest
    from penstock.cli.show import print_json, print_table

    with Rest(url) as rest:
        runs = rest.get(rest.beside("/reprocessing"), {"maxResults": limit})
    if json:
        print_json(runs)
        return
    columns = (
        ("ID", "id"),
        ("STATE", "state"),
        ("TOTAL", "total"),
        ("TRIED AGAIN", "retried"),
        ("SOLVED MEANWHILE", "skipped"),
        ("LEFT", "remaining"),
        ("STARTED", "startTime"),
        ("ENDED", "endTime"),
        ("WHAT", "filter"),
    )
    print_table(columns, runs, "There are no runs.")


@app.command("show")
def show(
    id: Id,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end.")] = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Show how far a run has come, and how much of it has failed again."""
    from penstock.cli.rest import Rest

    with Rest(url) as rest:
        run = _read(rest, id, failed_again=True)
        if wait:
            run = follow(rest, run, quiet=json)
    _print(run, json)
    if wait:
        leave(run)


@app.command("pause")
def pause(id: Id, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Pause a run."""
    _tell(id, "pause", url, json)


@app.command("resume")
def resume(id: Id, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Let a paused run go on, at its rate."""
    _tell(id, "resume", url, json)


@app.command("cancel")
def cancel(id: Id, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """End a run; what it has not reached yet stays as it is."""
    _tell(id, "cancel", url, json)


def follow(rest: "Rest", run: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Waits until a run does not go on by itself, and says on standard error how far it is."""
    poll_s, said_s = FIRST_POLL_S, time.monotonic()
    try:
        while run["state"] == "running" and run["remaining"] > run["failed"]:
            time.sleep(poll_s)
            poll_s = min(2 * poll_s, POLL_S)
            run = _read(rest, run["id"], failed_again=False)
            if not quiet and time.monotonic() - said_s >= SAID_EVERY_S:
                said_s = time.monotonic()
                typer.echo(f"{run['retried']} of {run['total']}, {run['retriedPerSecond']:g} per second", err=True)
    except KeyboardInterrupt:
        typer.echo(
            f"The run {run['id']} goes on: `penstock reprocessing show`, `pause` and `cancel` reach it.", err=True
        )
        raise typer.Exit(130) from None
    return _read(rest, run["id"], failed_again=True)


def leave(run: Mapping[str, Any]) -> None:
    """Ends the command with 1 when a run that was waited for has not done all that it was for."""
    if run["remaining"]:
        raise typer.Exit(1)


def told(run: Mapping[str, Any]) -> str:
    """A run in words."""
    times = f"{run['retries']} {'time' if run['retries'] == 1 else 'times'} each"
    found = f"{run['retried']} of {run['total']} are tried again, {times}"
    if run["skipped"]:
        found += f"; {run['skipped']} had been solved meanwhile"
    if run["remaining"]:
        found += f"; {run['remaining']} are left, the run {run['id']} is {run['state']}"
    if run["failed"]:
        found += f"; {run['failed']} of these need a person: the batch has failed jobs (`GET /job?batchId={run['id']}`)"
    if run["failedAgain"]:
        found += f"; {run['failedAgain']} have failed again already"
    return found + "."


def _read(rest: "Rest", id: str, *, failed_again: bool) -> dict[str, Any]:
    from penstock.cli.rest import segment

    run: dict[str, Any] = rest.get(
        rest.beside(f"/reprocessing/{segment(id)}"), {"failedAgain": "true"} if failed_again else None
    )
    return run


def _tell(id: str, verb: str, url: str, json: bool) -> None:
    from penstock.cli.rest import Rest, segment

    with Rest(url) as rest:
        run = rest.call("POST", rest.beside(f"/reprocessing/{segment(id)}/{verb}"))
    _print(run, json)


def _print(run: Mapping[str, Any], json: bool) -> None:
    from penstock.cli.show import print_fields, print_json

    if json:
        print_json(run)
    else:
        print_fields(run)
