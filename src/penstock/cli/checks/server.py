"""A running server, asked over HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from penstock.cli.checks.finding import Found, failed, ok, warning
from penstock.runtime.telemetry import catalogue as m

TIMEOUT_S = 10.0
BEHIND_S = 30.0
"""Views that are further behind have stopped, or cannot keep up."""


def server(url: str) -> Iterator[Found]:
    """Whether it answers, takes work, and keeps up."""
    with httpx.Client(base_url=url.rstrip("/").removesuffix("/engine-rest"), timeout=TIMEOUT_S) as client:
        try:
            ready = client.get("/ready")
            state = ready.json()
            state["ready"]
        except httpx.HTTPError as error:
            yield failed("server", f"{url}: {error}", "start it with `penstock up`, or say where it is with --url")
            return
        except (ValueError, TypeError, KeyError):
            yield failed("server", f"{url} is answered by another program", "say where the server is with --url")
            return
        yield _ready(url, state)
        yield from _measured(client)


def _ready(url: str, state: Any) -> Found:
    if state["ready"]:
        return ok("server", f"{url} takes work (node {state['node']})")
    problems = "; ".join(f"{what}: {text}" for what, text in state["problems"].items())
    return failed("server", f"{url} takes no work: {problems}", "its log says more; the store or the disk is the cause")


def _measured(client: httpx.Client) -> Iterator[Found]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples]

    def total(metric: m.Metric) -> float:
        return sum(sample.value for sample in samples if sample.name == metric.name)

    infos = [sample.labels for sample in samples if sample.name == m.INFO.name]
    if infos:
        yield ok("release", f"penstock {infos[0]['version']} on {infos[0]['store']}")
    yield from backlog(int(total(m.JOBS_DEAD)), int(total(m.INCIDENTS)))
    yield views(int(total(m.BEHIND_ROWS)), total(m.BEHIND_SECONDS), serving=True)
    most = next((sample.value for sample in samples if sample.name == "process_max_fds"), None)
    held = next((sample.value for sample in samples if sample.name == "process_open_fds"), None)
    if most is not None and held is not None:
        text = f"{held:.0f} of {most:.0f} files and connections are open"
        full = held > 0.8 * most
        yield warning("open files", text, "raise the limit: ulimit -n") if full else ok("open files", text)


def backlog(dead_jobs: int, incidents: int) -> Iterator[Found]:
    """What waits for a person."""
    if dead_jobs:
        yield warning(
            "jobs",
            f"{dead_jobs} jobs have no retries left",
            "penstock incidents shows why; penstock retry --where … tries again",
        )
    else:
        yield ok("jobs", "every job has retries left")
    if incidents:
        yield warning("incidents", f"{incidents} incidents are open", "penstock incidents lists them")
    else:
        yield ok("incidents", "none is open")


def views(rows: int, age_s: float, *, serving: bool) -> Found:
    """How far queries and history are behind. `serving`: a server runs that should project."""
    if not rows:
        return ok("views", "queries and history have everything that was committed")
    text = f"queries and history lack {rows} rows of the log, the oldest {age_s:.0f} s old"
    if age_s < BEHIND_S:
        return ok("views", text)
    if not serving:
        return warning("views", text, "no server runs: the next one catches up")
    return failed("views", text, "see /ready and the log for the event that stops them; queries answer 503 until then")
