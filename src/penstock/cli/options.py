"""Options that several commands have."""

from typing import Annotated

import typer

DEFAULT_URL = "http://127.0.0.1:8080"

Url = Annotated[str, typer.Option("--url", envvar="PENSTOCK_URL", help="Where the server is.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Tenant = Annotated[str | None, typer.Option("--tenant", help="Id of the tenant.")]
Variables = Annotated[
    list[str] | None,
    typer.Option(
        "--var",
        metavar="NAME=VALUE",
        help="A variable; NAME:TYPE=VALUE states the type, else numbers, true, false, null, {…} and […] are read as JSON.",
    ),
]
