"""`penstock db`"""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from penstock.store.protocol import Store

app = typer.Typer(help="Look after the store.", rich_markup_mode=None, no_args_is_help=True)

StoreUrl = Annotated[
    str, typer.Option(envvar="PENSTOCK_STORE", help="sqlite:///file or postgresql://user@host/database.")
]


@app.command("migrate")
def migrate(store: StoreUrl = "sqlite:///penstock.db") -> None:
    """Create the schema, or bring it up to this release. A server does the same when it starts."""

    async def work(opened: "Store") -> None:
        typer.echo(f"The {opened.name} store is up to date.")

    _with_store(store, work)


@app.command("rebuild-views")
def rebuild_views(store: StoreUrl = "sqlite:///penstock.db") -> None:
    """Throw the views away and make them again from the log. Stop the servers first."""

    async def work(opened: "Store") -> None:
        from penstock.base.clock import SystemClock
        from penstock.base.ids import UuidSource
        from penstock.runtime.node import Node
        from penstock.runtime.protocol import Settings

        clock = SystemClock()
        node = Node(opened, clock=clock, ids=UuidSource(clock), settings=Settings(execute_jobs=False))
        try:
            await node.start()
            await node.rebuild_views()
        finally:
            await node.close()
        entries = sum((await opened.heads()).values())
        typer.echo(f"The views are made again from {entries} rows of the log.")

    _with_store(store, work)


def _with_store(url: str, work: "Callable[[Store], Awaitable[None]]") -> None:
    import asyncio

    from penstock.base.clock import SystemClock
    from penstock.base.errors import PenstockError
    from penstock.cli import logs
    from penstock.cli.fail import fail
    from penstock.store import open_store

    async def run() -> None:
        opened = open_store(url, SystemClock())
        await opened.open()
        try:
            await work(opened)
        finally:
            await opened.close()

    logs.configure("human", "warning")
    try:
        asyncio.run(run())
    except PenstockError as error:
        fail(error.message)
