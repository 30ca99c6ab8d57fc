"""`penstock backup` and `penstock restore`"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.options import Json
from penstock.cli.up import configured

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from penstock.store.backup import Backed, Progress

StoreUrl = Annotated[
    str, typer.Option(envvar="PENSTOCK_STORE", help="sqlite:///file or postgresql://user@host/database.")
]
Config = Annotated[
    Path | None,
    typer.Option(
        envvar="PENSTOCK_CONFIG",
        callback=configured,
        is_eager=True,
        help="File with the store in its section [server] (default: penstock.toml, if there is one).",
    ),
]


def backup(
    target: Annotated[Path, typer.Argument(help="File to write, or a folder in which it gets a name with the time.")],
    store: StoreUrl = "sqlite:///penstock.db",
    config: Config = None,
    json: Json = False,
) -> None:
    """Write everything in the store to one file, as it is at this moment. Servers go on working meanwhile."""

    async def work() -> "Backed":
        from penstock.store.backups import SUFFIXES, backup, kind_of

        path = target / _name(SUFFIXES[kind_of(store)]) if into_folder else target
        return await backup(store, path, _progress(json))

    into_folder = target.is_dir()
    _report(_run(work()), "Backed up to", json)


def restore(
    source: Annotated[Path, typer.Argument(help="File that `penstock backup` wrote.")],
    store: StoreUrl = "sqlite:///penstock.db",
    config: Config = None,
    json: Json = False,
) -> None:
    """Put a backup into an empty store: a SQLite file that does not exist, or an empty PostgreSQL database."""

    async def work() -> "Backed":
        from penstock.store.backups import restore

        return await restore(source, store, _progress(json))

    _report(_run(work()), "Restored", json)


def _name(suffix: str) -> str:
    from datetime import UTC, datetime

    from penstock.base.clock import SystemClock

    now = datetime.fromtimestamp(SystemClock().now_ms() / 1_000, UTC)
    return f"penstock-{now:%Y%m%dT%H%M%SZ}{suffix}"


def _run(work: "Coroutine[Any, Any, Backed]") -> "Backed":
    import asyncio

    from penstock.base.errors import PenstockError
    from penstock.cli import logs
    from penstock.cli.fail import fail

    logs.configure("human", "warning")
    try:
        return asyncio.run(work)
    except PenstockError as error:
        fail(error.message)


def _progress(quiet: bool) -> "Progress":
    """Shows the progress where somebody watches."""
    import sys

    if quiet or not sys.stderr.isatty():
        return lambda done, total: None

    def show(done: int, total: int) -> None:
        sys.stderr.write(f"\r{done / 1024**2:.1f} of {total / 1024**2:.1f} MB")
        sys.stderr.write("\n" if done >= total else "")
        sys.stderr.flush()

    return show


def _report(done: "Backed", what: str, json: bool) -> None:
    import msgspec

    from penstock.cli.show import print_json

    if json:
        print_json({**msgspec.to_builtins(done, enc_hook=str), "path": str(done.path)})
        return
    typer.echo(
        f"{what} {done.path} ({done.size_bytes / 1024**2:.1f} MB, checked):"
        f" {done.live_instances} live instances, {done.log_rows} rows of the log, schema {done.schema}."
    )
