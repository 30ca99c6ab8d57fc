"""How a command gives up: one clear line on standard error, and an exit code."""

from typing import NoReturn

import typer

FAILED = 1
"""Exit code: what was asked for could not be done."""
USAGE = 2
"""Exit code: the command line or the configuration makes no sense."""


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Ends the command with `message` and exit code `code`."""
    typer.echo(f"penstock: {message}", err=True)
    raise typer.Exit(code)
