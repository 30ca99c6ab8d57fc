"""`penstock worker`: run workers that are written in Python."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from penstock.worker.worker import Worker

app = typer.Typer(help="Run workers that are written in Python.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _worker() -> None:
    """Run workers that are written in Python."""


@app.command("run")
def run(
    place: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:NAME",
            help="Where the worker is: a module (or a file ending with .py), and the name of the Worker in it.",
        ),
    ],
    url: Annotated[
        str | None,
        typer.Option("--url", envvar="PENSTOCK_URL", help="Where the server is, instead of what the worker says."),
    ] = None,
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
) -> None:
    """Run a worker until SIGTERM or Ctrl-C; then it finishes what it has begun and gives back the rest."""
    from penstock.cli.fail import USAGE, fail

    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        fail(f"{log_level!r} is no level of logging: debug, info, warning or error", USAGE)
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    worker = load(place)
    try:
        if url is not None:
            worker.base_url = rest_url(url)
        worker.run()
    except ValueError as error:
        fail(str(error), USAGE)


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
