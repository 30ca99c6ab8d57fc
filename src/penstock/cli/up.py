"""`penstock up`"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import socket

    from penstock.cli.settings import ServerSettings


def configured(context: typer.Context, path: Path | None) -> Path | None:
    """Makes what `penstock.toml` says the default of the options (a callback of `--config`)."""
    if context.resilient_parsing:
        return path
    from penstock.cli.fail import USAGE, fail
    from penstock.cli.settings import BadSettings, read_file

    try:
        file = read_file(path)
    except BadSettings as error:
        fail(str(error), USAGE)
    context.obj = file
    context.default_map = dict(file.options)
    return path


def up(
    context: typer.Context,
    host: Annotated[str, typer.Option(envvar="PENSTOCK_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="PENSTOCK_PORT", min=0, max=65_535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    store: Annotated[
        str,
        typer.Option(envvar="PENSTOCK_STORE", help="sqlite:///file, postgresql://user@host/database or memory://."),
    ] = "sqlite:///penstock.db",
    processes: Annotated[
        int, typer.Option(envvar="PENSTOCK_PROCESSES", min=1, max=256, help="Nodes on this port (PostgreSQL only).")
    ] = 1,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            envvar="PENSTOCK_METRICS_PORT",
            min=1,
            max=65_535,
            help="The first process also listens here, the second on the next port, and so on: for Prometheus and probes, "
            "which want one process and not any.",
        ),
    ] = None,
    no_jobs: Annotated[
        bool,
        typer.Option("--no-jobs", envvar="PENSTOCK_NO_JOBS", help="Leave timers and jobs to be executed over REST."),
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(envvar="PENSTOCK_PROFILE", help="conformance: as the recorded Camunda 7.24 was set up."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="PENSTOCK_CONFIG",
            callback=configured,
            is_eager=True,
            help="File with these settings in its section [server] (default: penstock.toml, if there is one).",
        ),
    ] = None,
    log_format: Annotated[str, typer.Option(envvar="PENSTOCK_LOG_FORMAT", help="human or json.")] = "human",
    log_level: Annotated[
        str, typer.Option(envvar="PENSTOCK_LOG_LEVEL", help="debug, info, warning or error.")
    ] = "info",
) -> None:
    """Start a server. SIGTERM and Ctrl+C end it once what it has taken is finished."""
    import os

    from penstock.cli import logs
    from penstock.cli.fail import FAILED, USAGE, fail
    from penstock.cli.settings import BadSettings, File, ServerSettings, node_settings

    file: File = context.obj
    if log_format not in logs.FORMATS:
        fail(f"there is no log format {log_format!r}: use {' or '.join(logs.FORMATS)}", USAGE)
    if log_level.lower() not in logs.LEVELS:
        fail(f"there is no log level {log_level!r}: use {', '.join(logs.LEVELS)}", USAGE)
    if processes > 1 and not store.startswith(("postgresql:", "postgres:")):
        fail(f"--processes {processes} needs PostgreSQL: one process has {store.partition(':')[0]} for itself", USAGE)
    try:
        node = node_settings(file, os.environ, execute_jobs=not no_jobs, profile=profile)
    except BadSettings as error:
        fail(str(error), USAGE)
    logs.configure(log_format, log_level)
    settings = ServerSettings(
        host=host,
        port=port,
        store=store,
        processes=processes,
        log_format=log_format,
        log_level=log_level,
        node=node,
        metrics_port=metrics_port,
        delegates=file.delegates,
        config=str(file.path.resolve()) if file.path is not None else None,
        delegates_folder=str((file.path or Path()).resolve().parent) if file.delegates else None,
    )
    from penstock.cli.serve import CannotServe

    try:
        _serve(settings)
    except CannotServe as error:
        fail(str(error), FAILED)


def _serve(settings: "ServerSettings") -> None:
    import msgspec

    from penstock.cli.serve import listen, run

    # Without sharing first: a port that another server shares must not be shared with it.
    bound = listen(settings.host, settings.port, shared=False)
    port: int = bound.getsockname()[1]
    settings = msgspec.structs.replace(settings, port=port)
    if settings.processes == 1:

        async def ready() -> None:
            _announce(settings)

        run(settings, bound, ready)
        return
    bound.close()
    _serve_many(settings, listen(settings.host, port, shared=True))


def _serve_many(settings: "ServerSettings", reserved: "socket.socket") -> None:
    """`reserved` never listens: it keeps the port ours while children come and go."""
    from penstock.cli.processes import Supervisor

    with reserved:
        Supervisor(settings, lambda: _announce(settings)).run()


def _announce(settings: "ServerSettings") -> None:
    """Says where the server is, without passwords."""
    import structlog

    from penstock import __version__
    from penstock.cli.settings import without_password

    shown = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{settings.port}"
    store = without_password(settings.store)
    if settings.log_format == "json":
        structlog.get_logger("penstock.server").info(
            "ready", version=__version__, address=address, store=store, processes=settings.processes
        )
        return
    nodes = f", {settings.processes} processes" if settings.processes > 1 else ""
    option = "" if address == "http://127.0.0.1:8080" else f" --url {address}"
    typer.echo(
        f"Penstock {__version__} is ready at {address} (store {store}{nodes}). Ctrl+C stops it.\n"
        f"  REST API  {address}/engine-rest\n"
        f"  deploy    penstock deploy{option} process.bpmn\n"
        f"  start     penstock start{option} KEY --var amount=100\n"
        f"  look      penstock list{option} instances"
    )
