"""The table of commands."""

from typing import Annotated

import typer

from penstock import __version__
from penstock.cli import (
    backup,
    bench,
    complete,
    db,
    decide,
    deploy,
    doctor,
    get,
    incidents,
    list,
    message,
    reprocessing,
    retry,
    signal,
    start,
    templates,
    up,
    worker,
)

# Rich help takes longer to import than everything else together.
app = typer.Typer(
    name="penstock",
    help="Services, people and systems as one durable business process.",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"penstock {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command("up")(up.up)
app.command("deploy")(deploy.deploy)
app.command("decide")(decide.decide)
app.command("start")(start.start)
app.command("list")(list.list_)
app.command("get")(get.get)
app.command("complete")(complete.complete)
app.command("message")(message.message)
app.command("signal")(signal.signal)
app.command("incidents")(incidents.incidents)
app.command("retry")(retry.retry)
app.add_typer(reprocessing.app, name="reprocessing")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("doctor")(doctor.doctor)
app.command("templates")(templates.templates)
app.command("bench")(bench.bench)
app.add_typer(db.app, name="db")
app.add_typer(worker.app, name="worker")
