"""`penstock templates`"""

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.options import Json


def templates(
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write them into .camunda/element-templates of this folder: that of the diagrams, or one above it.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the element templates of connectors, or write them to where Camunda Modeler finds them."""
    from penstock.cli.fail import fail
    from penstock.cli.show import print_json, print_table
    from penstock.connect import templates as found

    if write is not None:
        folder = write / found.FOLDER
        try:
            written = found.write(folder)
        except OSError as error:
            fail(f"cannot write to {folder}: {error.strerror or error}")
        typer.echo(f"Wrote {len(written)} element templates to {folder}. The Modeler sees them once it is reloaded.")
        return
    contents = [template.content for template in found.templates()]
    if json:
        print_json(contents)
        return
    columns = (("id", "id"), ("name", "name"), ("version", "version"), ("what it does", "description"))
    print_table(columns, contents, "There are none.")
