"""`penstock deploy`"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from penstock.cli.options import DEFAULT_URL, Json, Tenant, Url

if TYPE_CHECKING:
    import httpx


def deploy(
    files: Annotated[list[Path], typer.Argument(help="Models and what belongs to them.")],
    name: Annotated[str | None, typer.Option(help="Name of the deployment (default: the first file's).")] = None,
    tenant: Tenant = None,
    always: Annotated[
        bool, typer.Option("--always", help="Deploy even if nothing has changed since the deployment of this name.")
    ] = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Deploy files together."""
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.rest import Rest
    from penstock.cli.show import print_json, print_table

    uploads = []
    paths: dict[str, Path] = {}
    for path in files:
        if path.name in paths:
            fail(f"{paths[path.name]} and {path} have the same name: a deployment holds each name once", USAGE)
        paths[path.name] = path
        try:
            uploads.append((path.name, (path.name, path.read_bytes(), "application/octet-stream")))
        except OSError as error:
            fail(f"cannot read {path}: {error.strerror or error}")
    fields = {"deployment-name": name or files[0].name, "deployment-source": "penstock"}
    if not always:
        fields["enable-duplicate-filtering"] = "true"
    if tenant is not None:
        fields["tenant-id"] = tenant
    with Rest(url) as rest:
        response = rest.send("POST", "/deployment/create", data=fields, files=uploads)
        if response.is_error:
            _refused(response, paths)
        _warn(response, paths)
        made = response.json()
        definitions = made["deployedProcessDefinitions"]
        found = list((definitions or {}).values())
        if definitions is None and not json:
            found = rest.get("/process-definition", {"deploymentId": made["id"]})
    if json:
        print_json(made)
        return
    if definitions is None and found:
        typer.echo(f"Nothing has changed since deployment {made['id']}.")
    else:
        typer.echo(f"Deployed {made['id']} ({made['name']}).")
    columns = (("DEFINITION", "id"), ("KEY", "key"), ("VERSION", "version"), ("NAME", "name"), ("FILE", "resource"))
    print_table(columns, found, "It has no process definitions.")


def _refused(response: "httpx.Response", paths: dict[str, Path]) -> NoReturn:
    """Says `file:line:column: message` for each problem that the server found."""
    from penstock.cli.fail import FAILED, fail
    from penstock.cli.rest import refusal

    try:
        details = response.json().get("details")
    except (ValueError, AttributeError):
        details = None
    if not details:
        fail(refusal(response))
    for resource, findings in details.items():
        for severity in ("errors", "warnings"):
            for finding in findings.get(severity, ()):
                _say(paths, resource, finding, "" if severity == "errors" else "warning: ")
    raise typer.Exit(FAILED)


def _warn(response: "httpx.Response", paths: dict[str, Path]) -> None:
    """What is deployed but will not run as it stands; a server that is not Penstock says nothing of it."""
    from json import loads

    for finding in loads(response.headers.get("penstock-warnings", "[]")):
        _say(paths, finding["resource"], finding, "warning: ")


def _say(paths: dict[str, Path], resource: str, finding: dict[str, Any], mark: str) -> None:
    at = f":{finding['line']}:{finding['column']}" if finding.get("line") else ""
    typer.echo(f"{paths.get(resource, resource)}{at}: {mark}{finding['message']}", err=True)
