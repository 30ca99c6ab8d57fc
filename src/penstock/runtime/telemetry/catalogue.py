"""Every metric that a node shows: the table from which `/metrics` and its page in the documentation are made.

Names follow Prometheus: base units, `_total` for what only grows. What is counted is counted per node since it was
started; what is read from the store (`shared`) is the same on every node of a store: take `max`, not `sum`.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from penstock.runtime.telemetry.counters import Histogram


class Kind(StrEnum):
    """Prometheus's types."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(msgspec.Struct, frozen=True):
    """One metric. `labels`: the names of its labels. `shared`: it is read from the store."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    shared: bool = False


class Measured(msgspec.Struct, frozen=True):
    """A metric with its values by the values of its labels."""

    metric: Metric
    values: Mapping[tuple[str, ...], float | Histogram]


def _counter(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, help, labels)


def _gauge(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, help, labels)


def _histogram(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, Kind.HISTOGRAM, help, labels)


def _stored(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, help, labels, shared=True)


INFO = _gauge("penstock_info", "Always 1; says which release and store this node runs on.", "version", "store", "node")
READY = _gauge("penstock_ready", "1 while the node takes work, as `/ready` says, else 0.")

UNITS = _counter(
    "penstock_units_total",
    "Units of work by command and outcome: committed; refused (the caller's mistake); failed (an expression, a script, the"
    " model); overloaded (told to come back); error (the store).",
    "command",
    "outcome",
)
UNITS_AGAIN = _counter("penstock_units_stepped_again_total", "Units stepped again because another one came first.")
UNITS_RUNNING = _gauge("penstock_units_running", "Units of work that are under way, waiting for their commit included.")
UNITS_WAITING = _gauge("penstock_units_waiting", "Units of work that wait for their commit.")
BATCHES = _counter("penstock_batches_total", "Group commits.")
BATCHES_REJECTED = _counter("penstock_batches_rejected_total", "Group commits that the store rejected, to go again.")
BATCH_UNITS = _histogram("penstock_batch_units", "Units of work per group commit.")
COMMIT_SECONDS = _histogram("penstock_commit_seconds", "Time that the store took for a group commit.")

STARTED = _counter("penstock_instances_started_total", "Process instances started.", "definition_key")
ENDED = _counter("penstock_instances_ended_total", "Process instances ended, in whatever state.", "definition_key")
CACHED = _gauge("penstock_instances_cached", "Live instances in this node's memory.")
CACHE_BYTES = _gauge("penstock_cache_bytes", "What these instances take in memory, roughly.")

JOBS_EXECUTED = _counter(
    "penstock_jobs_executed_total", "Jobs (timers, asynchronous continuations) that were executed."
)
JOBS_FAILED = _counter("penstock_jobs_failed_total", "Attempts to execute a job that failed and took a retry.")
JOBS_RUNNING = _gauge("penstock_jobs_running", "Jobs that this node executes now.")
JOBS_OPEN = _stored("penstock_jobs_open", "Jobs that wait, due or not.")
JOBS_DUE = _stored("penstock_jobs_due", "Jobs that are due and that nobody executes yet.")
JOBS_DEAD = _stored("penstock_jobs_without_retries", "Jobs that have failed for good: somebody must act.")

TASKS_OPEN = _stored("penstock_external_tasks_open", "External tasks that are not completed.", "topic")
TASKS_LOCKED = _stored("penstock_external_tasks_locked", "External tasks that a worker has locked.", "topic")
TASKS_WAITING = _stored(
    "penstock_external_tasks_waiting",
    "External tasks that a worker could lock now: not locked, with retries left, not suspended.",
    "topic",
)
TASKS_DRAIN = _stored(
    "penstock_external_tasks_drain_seconds",
    "Time until no task of the topic waits, at the pace of the last seconds; 86400 when the queue does not become shorter.",
    "topic",
)
TASKS_AGE = _stored("penstock_external_task_oldest_age_seconds", "Age of the oldest external task.", "topic")
INCIDENTS = _stored("penstock_incidents_open", "Incidents that nobody has resolved.", "type")
WORKERS = _gauge("penstock_workers_waiting", "fetchAndLock requests that wait for work on this node.")

BUS_MESSAGES = _counter(
    "penstock_bus_messages_total",
    "Messages that this node has taken from a bus, by bridge and what became of them: started, correlated, duplicate,"
    " waiting (nobody waits for it yet), ignored (an event of another type), retried, dead, or the type of a reply.",
    "bridge",
    "outcome",
)
BUS_LAG = _stored(
    "penstock_bus_lag_messages", "Messages that a bridge, or a channel of replies, has still to take.", "bridge"
)
BUS_AGE = _stored(
    "penstock_bus_oldest_age_seconds", "Age of the oldest such message, where the broker can tell.", "bridge"
)
BUS_PUBLISHED = _counter("penstock_bus_published_total", "Messages that this node has published.", "connection")
OUTBOX = _stored("penstock_outbox_messages", "Messages that wait to be published.", "connection")
EARLY = _stored("penstock_early_messages", "Messages of a bus for which nobody waits yet.", "message")

SERVICE_STARTS = _counter(
    "penstock_service_starts_total", "Process instances of a service that this node let start.", "service"
)
SERVICE_REFUSED = _counter(
    "penstock_service_starts_refused_total",
    "Starts that a limit of the service has refused with 429.",
    "service",
    "limit",
)
SERVICE_WAITING = _gauge(
    "penstock_service_messages_waiting", "Messages that wait until their service may start something.", "service"
)
SERVICE_RUNNING = _stored("penstock_service_instances_running", "Process instances of a service that run.", "service")
SERVICE_TASKS = _stored(
    "penstock_service_external_tasks_open", "External tasks of a service that are not completed.", "service"
)
SERVICE_LIMIT = _stored("penstock_service_limit", "What a service may have at most.", "service", "limit")

BEHIND_ROWS = _stored(
    "penstock_views_behind_rows", "Rows of the log that the views (queries, history) do not have yet."
)
BEHIND_SECONDS = _stored(
    "penstock_views_behind_seconds", "Age of the oldest such row; 0 when the views have everything."
)
PROJECTED = _counter("penstock_view_rows_projected_total", "Rows of the log that this node has put into the views.")

REQUESTS = _histogram(
    "penstock_http_request_seconds",
    "Time from the whole request to its answer, by the template of the path; long polls count with their waiting.",
    "method",
    "route",
    "status",
)

BUS: Sequence[Metric] = (BUS_MESSAGES, BUS_LAG, BUS_AGE, BUS_PUBLISHED, OUTBOX, EARLY)
"""Those that only a node with bridges shows."""

SERVICES: Sequence[Metric] = (
    SERVICE_STARTS,
    SERVICE_REFUSED,
    SERVICE_WAITING,
    SERVICE_RUNNING,
    SERVICE_TASKS,
    SERVICE_LIMIT,
)
"""Those that only a node shows whose engine services share."""

METRICS: Sequence[Metric] = (
    INFO,
    READY,
    UNITS,
    UNITS_AGAIN,
    UNITS_RUNNING,
    UNITS_WAITING,
    BATCHES,
    BATCHES_REJECTED,
    BATCH_UNITS,
    COMMIT_SECONDS,
    STARTED,
    ENDED,
    CACHED,
    CACHE_BYTES,
    JOBS_EXECUTED,
    JOBS_FAILED,
    JOBS_RUNNING,
    JOBS_OPEN,
    JOBS_DUE,
    JOBS_DEAD,
    TASKS_OPEN,
    TASKS_LOCKED,
    TASKS_WAITING,
    TASKS_AGE,
    TASKS_DRAIN,
    INCIDENTS,
    WORKERS,
    *BUS,
    *SERVICES,
    BEHIND_ROWS,
    BEHIND_SECONDS,
    PROJECTED,
    REQUESTS,
)
"""All of them, in the order in which they are shown."""

PLAIN: Mapping[str, Metric] = {
    "units_stepped_again_total": UNITS_AGAIN,
    "units_running": UNITS_RUNNING,
    "units_waiting": UNITS_WAITING,
    "batches_committed_total": BATCHES,
    "batches_rejected_total": BATCHES_REJECTED,
    "instances_cached": CACHED,
    "cache_bytes": CACHE_BYTES,
    "jobs_running": JOBS_RUNNING,
    "workers_waiting": WORKERS,
    "view_rows_projected_total": PROJECTED,
}
"""Name in `Engine.metrics` → metric."""
