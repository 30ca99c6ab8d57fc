"""`penstock bench`"""

from typing import Annotated

import typer

from penstock.cli.options import Json


def bench(
    store: Annotated[
        list[str] | None,
        typer.Option(
            "--store", help="Store to measure on (default: SQLite in a temporary folder); several are compared."
        ),
    ] = None,
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Also on a throw-away PostgreSQL server, with fsync on.")
    ] = False,
    workload: Annotated[str, typer.Option(help="W1, W2 or all.")] = "all",
    seconds: Annotated[float, typer.Option(min=0.1, help="How long is measured.")] = 12.0,
    warmup: Annotated[float, typer.Option(min=0.0, help="Seconds of load before that.")] = 5.0,
    connections: Annotated[
        int, typer.Option(min=7, max=10_000, help="Keep-alive connections of W1; W2 has at least 256.")
    ] = 64,
    in_flight: Annotated[int, typer.Option(min=1, max=100_000, help="Instances of W2 that run at a time.")] = 400,
    processes: Annotated[int, typer.Option(min=1, max=256, help="Server processes (PostgreSQL only).")] = 1,
    profile: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a cProfile of the server here (makes it slower).")
    ] = None,
    json: Json = False,
) -> None:
    """Measure this machine: a server of its own, a lean client, two workloads.

    W1: start, one automatic step, end. W2: three external tasks in sequence, worked over REST.
    """
    from penstock.bench.report import as_table
    from penstock.bench.run import DEFAULT_STORE, BenchFailed, Plan, run
    from penstock.cli.fail import FAILED, USAGE, fail
    from penstock.cli.show import print_json

    names = {"w1": ("W1",), "w2": ("W2",), "all": ("W1", "W2")}.get(workload.lower())
    if names is None:
        fail(f"there is no workload {workload!r}: use W1, W2 or all", USAGE)
    stores = list(store or ([] if postgres else [DEFAULT_STORE]))
    plan = Plan(
        stores=stores,
        postgres=postgres,
        workloads=names,
        seconds=seconds,
        warmup_s=warmup,
        connections=connections,
        in_flight=in_flight,
        processes=processes,
        profile=profile,
    )
    try:
        results = run(plan, lambda text: typer.echo(text, err=True))
    except BenchFailed as error:
        fail(str(error))
    if json:
        print_json([result.as_dict() for result in results])
    else:
        typer.echo(as_table(results))
    if any(result.errors for result in results):
        raise typer.Exit(FAILED)
