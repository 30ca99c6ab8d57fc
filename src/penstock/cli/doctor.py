"""`penstock doctor`"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.options import Json
from penstock.cli.up import configured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from penstock.cli.checks.finding import Found
    from penstock.store.inspection import Inspection


def doctor(
    store: Annotated[
        str, typer.Option(envvar="PENSTOCK_STORE", help="sqlite:///file or postgresql://user@host/database.")
    ] = "sqlite:///penstock.db",
    url: Annotated[
        # PENSTOCK_URL says where clients go; it must not turn a question about a store into one about a server.
        str | None,
        typer.Option("--url", help="Ask this running server instead of the store."),
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also compare every live instance with its log and its rows.")
    ] = False,
    host: Annotated[
        str, typer.Option(envvar="PENSTOCK_HOST", help="Address that a server would listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="PENSTOCK_PORT", min=1, max=65_535, help="Port that a server would listen on.")
    ] = 8080,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="PENSTOCK_CONFIG",
            callback=configured,
            is_eager=True,
            help="File with these settings in its section [server] (default: penstock.toml, if there is one).",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Look whether all is well, and say what to do. Changes nothing; exit status 1 when something does not work."""
    import asyncio

    from penstock.cli import logs
    from penstock.cli.fail import FAILED

    logs.configure("human", "error")

    async def run() -> "list[Found]":
        return [found async for found in (_of_server(url) if url else _of_store(store, host, port, deep))]

    found = asyncio.run(run())
    _show(found, json)
    if any(item.verdict == "failed" for item in found):
        raise typer.Exit(FAILED)


async def _of_server(url: str) -> "AsyncIterator[Found]":
    from penstock.cli.checks.machine import machine
    from penstock.cli.checks.server import server

    for found in (*machine(), *server(url)):
        yield found


async def _of_store(store: str, host: str, port: int, deep: bool) -> "AsyncIterator[Found]":
    from penstock.base.errors import PenstockError
    from penstock.cli.checks import machine as m
    from penstock.cli.checks.finding import failed
    from penstock.cli.settings import without_password
    from penstock.store import inspect_store

    for found in m.machine():
        yield found
    try:
        inspection = inspect_store(store)
        await inspection.open()
    except PenstockError as error:
        yield m.port(host, port, 0)
        yield failed("store", f"{without_password(store)}: {error.message}", "check --store (PENSTOCK_STORE)")
        return
    try:
        async for found in _of_open_store(inspection, host, port, deep):
            yield found
    except PenstockError as error:
        yield failed("store", f"{without_password(store)}: {error.message}", "the checks that follow were left out")
    finally:
        await inspection.close()


async def _of_open_store(inspection: "Inspection", host: str, port: int, deep: bool) -> "AsyncIterator[Found]":
    from penstock.cli.checks import machine as m
    from penstock.cli.checks.consistency import consistency
    from penstock.cli.checks.contents import contents
    from penstock.cli.checks.store import clock, described

    facts = await inspection.facts()
    yield m.port(host, port, facts.nodes)
    if facts.folder is not None:
        for found in m.disk(facts.folder):
            yield found
    for found in described(facts):
        yield found
    if facts.schema != facts.known_schema:
        return
    for check in (clock(inspection), contents(inspection, facts.nodes)):
        async for found in check:
            yield found
    if deep:
        async for found in consistency(inspection):
            yield found


_MARKS = {"ok": "ok     ", "warning": "WARNING", "failed": "FAILED "}


def _show(found: "list[Found]", json: bool) -> None:
    import msgspec

    from penstock.cli.show import print_json

    if json:
        print_json(msgspec.to_builtins(found))
        return
    width = max(len(item.check) for item in found)
    for item in found:
        typer.echo(f"{_MARKS[item.verdict]}  {item.check:<{width}}  {item.text}")
        if item.advice is not None:
            typer.echo(f"{'':<{width + 11}}→ {item.advice}")
    counts = {verdict: sum(item.verdict == verdict for item in found) for verdict in ("failed", "warning")}
    if any(counts.values()):
        typer.echo(f"\n{counts['failed']} failed, {counts['warning']} to look at.")
    else:
        typer.echo("\nAll is well.")
