"""`penstock complete`"""

from typing import Annotated

import typer

from penstock.cli.options import DEFAULT_URL, Url, Variables


def complete(
    task_id: Annotated[str, typer.Argument(help="Id of the user task.")],
    var: Variables = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Complete a user task."""
    from penstock.cli import variables
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.rest import Rest, segment

    try:
        body = {"variables": variables.parse(var)}
    except ValueError as error:
        fail(str(error), USAGE)
    with Rest(url) as rest:
        rest.post(f"/task/{segment(task_id)}/complete", body)
    typer.echo(f"Completed {task_id}.")
