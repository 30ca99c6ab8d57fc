"""`penstock worker`: run workers that are written in Python, or in TOML."""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from penstock.cli.workers.policy import Bounds
    from penstock.worker.patterns.generic import GenericWorker
    from penstock.worker.worker import Worker

app = typer.Typer(help="Run workers that are written in Python or TOML.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _worker() -> None:
    """Run workers that are written in Python or TOML."""


@app.command("run")
def run(
    place: Annotated[
        str,
        typer.Argument(
            metavar="FILE.toml|MODULE:NAME",
            help="Where the worker is: a file that says which topic calls what; or a module (or a file ending with .py), and"
            " the name of the Worker in it.",
        ),
    ],
    url: Annotated[
        str | None,
        typer.Option("--url", envvar="PENSTOCK_URL", help="Where the server is, instead of what the worker says."),
    ] = None,
    least: Annotated[int | None, typer.Option("--min", help="Least processes.")] = None,
    most: Annotated[
        int | None, typer.Option("--max", help="Most processes: as many are run as there is work for.")
    ] = None,
    drain_s: Annotated[
        float, typer.Option("--drain", help="Seconds that the queue may take before more processes are started.")
    ] = 10.0,
    settle_s: Annotated[
        float, typer.Option("--settle", help="Seconds for which fewer processes must have been enough to end one.")
    ] = 60.0,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="The server's penstock.toml: topics that it binds to a bus are worked over that bus, the others over REST.",
        ),
    ] = None,
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
) -> None:
    """Run a worker until SIGTERM or Ctrl-C; then it finishes what it has begun and gives back the rest."""
    from penstock.base.errors import PenstockError
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.quiet import is_safe

    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        fail(f"{log_level!r} is no level of logging: debug, info, warning or error", USAGE)
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(is_safe)
    try:
        found = _found(place, None if url is None else rest_url(url))
        if config is not None:
            if least is not None or most is not None:
                raise ValueError("--config: processes are scaled for work over REST; leave out --min and --max")
            _run_over_buses(found, config)
            return
        if least is None and most is None:
            _run(found)
            return
        from penstock.cli.workers.fleet import command_of
        from penstock.cli.workers.policy import Bounds

        least = 1 if least is None else least
        bounds = Bounds(least=least, most=max(least, 1) if most is None else most, drain_s=drain_s, settle_s=settle_s)
        status = _run_many(found, bounds, command_of(place, url, log_level))
    except (ValueError, PenstockError) as error:
        fail(str(error), USAGE)
    raise typer.Exit(status)


def _found(place: str, url: str | None) -> "Worker | GenericWorker":
    """The worker. Raises ValueError, BadConfig."""
    if place.endswith(".toml"):
        from penstock.cli.workers.feel import Feel
        from penstock.worker.patterns.generic import GenericWorker

        return GenericWorker(Path(place), Feel(), base_url=url)
    worker = load(place)
    if url is not None:
        worker.base_url = url
    return worker


def _run(found: "Worker | GenericWorker") -> None:
    from penstock.cli.workers.fleet import PARENT
    from penstock.cli.workers.orphans import stop_without
    from penstock.worker.worker import Worker

    parent = os.environ.pop(PARENT, "")
    if parent.isdigit():
        stop_without(int(parent), (found if isinstance(found, Worker) else found.worker).stop)
    found.run()


def _run_over_buses(found: "Worker | GenericWorker", config: Path) -> None:
    """Raises ValueError, BadBridges, BusFailed."""
    import asyncio
    import signal

    from penstock.bridge.answering import work
    from penstock.worker.worker import Worker

    if not isinstance(found, Worker):
        raise ValueError("--config: a worker in TOML works over REST")

    async def until_signalled() -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await work(found, config, os.environ, stopped)

    asyncio.run(until_signalled())


def _run_many(found: "Worker | GenericWorker", bounds: "Bounds", command: list[str]) -> int:
    import asyncio

    from penstock.cli.workers.demand import root_of
    from penstock.cli.workers.fleet import Fleet
    from penstock.worker.worker import Worker

    worker = found if isinstance(found, Worker) else found.worker
    topics: Callable[[], Collection[str]] = (
        (lambda: worker.topics) if isinstance(found, Worker) else found.configured_topics
    )

    async def all_of_them() -> int:
        address = worker.address(root_of(worker.base_url))
        capacity = worker.settings.concurrency
        return await Fleet(command, bounds=bounds, capacity=capacity, topics=topics, address=address).run()

    return asyncio.run(all_of_them())


def rest_url(url: str) -> str:
    """The address of the REST API: a server's bare address means its `/engine-rest`."""
    from urllib.parse import urlsplit

    return url.rstrip("/") + "/engine-rest" if urlsplit(url).path.strip("/") == "" else url


def load(place: str) -> "Worker":
    """The worker at `MODULE:NAME`. Ends the command when there is none."""
    import importlib
    from importlib.util import module_from_spec, spec_from_file_location

    from penstock.cli.fail import USAGE, fail
    from penstock.worker.worker import Worker

    module_name, _, name = place.rpartition(":")
    if not module_name or not name:
        fail(f"{place!r} names no worker: write MODULE:NAME, such as workers:worker", USAGE)
    if module_name.endswith(".py"):
        path = Path(module_name)
        if not path.is_file():
            fail(f"there is no file {module_name}", USAGE)
        spec = spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        sys.path.insert(0, str(path.resolve().parent))
        module = sys.modules[path.stem] = module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, "")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is None or not module_name.startswith(error.name):
                raise
            fail(f"there is no module {module_name}: {error}", USAGE)
    found = getattr(module, name, None)
    if not isinstance(found, Worker):
        fail(f"{module_name} has no Worker {name!r}", USAGE)
    return found
