"""What a node offers to those above it (`api`, `cli`, `embedded`): commands in, rows out."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from penstock.base.clock import Clock
from penstock.base.ids import Ids
from penstock.dmn.camunda.results import DecisionResult
from penstock.engine.commands import Command
from penstock.engine.definition import Definition
from penstock.engine.events import AnyEvent
from penstock.engine.state import Instance
from penstock.expr.values import TypedValue
from penstock.identity.changes import MakeChanges, Operation
from penstock.model.findings import Finding
from penstock.runtime.batches.kinds import NewBatch
from penstock.runtime.callbacks import Callbacks
from penstock.runtime.letters import Letters
from penstock.runtime.services.config import Service
from penstock.runtime.telemetry.catalogue import Measured
from penstock.runtime.telemetry.counters import Counters
from penstock.runtime.telemetry.loads import Load
from penstock.store.protocol import AnyChange, Fetch, Row
from penstock.store.query import Group, Query


class Authentication(StrEnum):
    """How REST clients say who they are."""

    NONE = "none"
    BASIC = "basic"
    """User and password of a stored user with each request."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a node. Every bound has a stated default; exceeding one is a clear error."""

    execute_jobs: bool = True
    """Whether this node runs timers and asynchronous continuations by itself."""
    default_retries: int = 3
    """Retries of a job without a cycle of its own (Camunda 7 `defaultNumberOfRetries`)."""
    steps_per_unit_max: int = 1_000_000
    """Steps that one unit of work may make before it must reach a wait state."""
    paths_per_scope_max: int = 100_000
    """Concurrent paths that one scope may have, such as the instances of a multi-instance activity."""
    calls_deep_max: int = 1_000
    """How deep call activities may call each other within one unit of work."""
    payload_bytes_max: int = 16 * 1024 * 1024
    """Size of a request, and of the variables of one unit of work."""
    query_wait_ms: int = 5_000
    """How long a query waits for the views before it answers 503."""
    job_lease_ms: int = 300_000
    """How long a job belongs to the node that runs it; after that another node may run it."""
    jobs_at_once: int = 32
    """Jobs that one node runs at the same time."""
    batch_jobs_per_seed: int = 100
    """How many execution jobs one seed job of a batch makes (Camunda 7 `batchJobsPerSeed`)."""
    invocations_per_batch_job: int = 1
    """To how many things one execution job of a batch does its work, in one unit (Camunda 7 `invocationsPerBatchJob`)."""
    batch_poll_ms: int = 30_000
    """How often a batch looks whether all its jobs are done (Camunda 7 `batchPollTime`)."""
    script_time_limit_ms: int = 5_000
    """How long one script may run."""
    connector_hosts: tuple[str, ...] = ()
    """Where `http-connector` and `soap-http-connector` may call without a connection of their own: names, `*.name` for what
    is below one, addresses, `*` for every name; each with `:port`, `:*` for any port, or without for the scheme's own. Names
    must resolve to public addresses. Nothing by default."""
    connector_networks: tuple[str, ...] = ()
    """Networks that are not public and in which names of `connector_hosts` and of connections (`[connectors.*]`) may lie all
    the same, such as 10.0.0.0/8."""
    connector_timeout_ms: int | None = None
    """How long one call of a connector may take, with redirects; less than `job_lease_ms`. None: 30 s, or half of that."""
    connector_response_bytes_max: int = 1024 * 1024
    """Size of an answer that `http-connector` and `soap-http-connector` take."""
    connector_calls_at_once: int = 100
    """Calls of connectors that one node has under way at the same time, beside `jobs_at_once`."""
    history_time_to_live_days: int | None = 180
    """How long history is kept where a process does not say it; none: for ever."""
    projector_process: bool = True
    """Whether the views are projected by a process of their own (PostgreSQL only), so that queries and history take no
    time from the processing of requests. Without it, or when it has died, the node does so itself."""
    authentication: Authentication = Authentication.NONE
    """Whether REST clients must say who they are: none or basic. Create the first user before you turn it on."""
    authorization_check: bool = False
    """Whether `GET /authorization/check` answers by the stored authorizations; without it everything is allowed. Resources
    do not enforce them yet."""
    log_operations_without_user: bool = False
    """Whether the operation log also has what was done without authentication (Camunda 7
    `restrictUserOperationLogToAuthenticatedUsers`, the other way round)."""
    tracing: bool = False
    """Whether units of work and external tasks are spans of OpenTelemetry. A server sends them where OpenTelemetry's own
    variables say (`OTEL_EXPORTER_OTLP_ENDPOINT`, …) and needs the extra `penstock[otel]`."""
    profile: str | None = None
    pending_units_max: int = 10_000
    """Units that may wait for their commit; more are refused with 503 and `Retry-After`."""
    fetch_wait_max_ms: int = 1_800_000
    """Longest accepted `asyncResponseTimeout` (Camunda 7: 30 minutes)."""


class Outgoing(Protocol):
    """Work that leaves over a bus instead of waiting for workers (`penstock.bridge`)."""

    def takes(self, topic: str) -> bool:
        """Whether external tasks of this topic do."""
        ...

    def with_requests(self, rows: list[AnyChange], instance: Instance, now_ms: int) -> list[AnyChange]:
        """The row changes of a unit, with those of new tasks made to leave: locked, and the outbox row beside it.
        `instance`: its state after the unit, to be read only."""
        ...


class Place(Protocol):
    """What an instance that is about to start takes of its service's limits."""

    def release(self) -> None:
        """It was committed, or came to nothing. A second call does nothing."""
        ...


class Sharing(Protocol):
    """The limits of the services that share a node (`runtime.services`)."""

    def admit(self, command: Command) -> Place | None:
        """A place for the instance that the command starts; None: it is not limited. Raises LimitReached."""
        ...

    async def wait(self, command: Command) -> Place | None:
        """As `admit`, but waits until there is one."""
        ...

    def check_events(self, events: list[AnyEvent], definition: str | None, bytes_max: int) -> None:
        """As `runtime.payload.check_events`, for an instance of `definition` (id)."""
        ...

    def check_owner(self, keys: Sequence[str], user: str | None) -> None:
        """Whether `user` may deploy or delete definitions with these keys. Raises NotAuthorized."""
        ...

    def usage(self) -> "Sequence[ServiceUsage]":
        """Each service, and what it has taken."""
        ...

    def readings(self) -> Sequence[Measured]:
        """The metrics of services."""
        ...


class ServiceUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A service and what it has taken: on all nodes `running_instances` and `open_tasks`; on this one, since it was
    started, `starts`, `refused` by limit, and the messages that wait to start something. `nodes`: that share the limits."""

    service: Service
    running_instances: int
    open_tasks: int
    starts: int
    refused: dict[str, int]
    waiting_messages: int
    nodes: int


class Resource(msgspec.Struct, frozen=True):
    """One file of a deployment."""

    name: str
    content: bytes


class Deploy(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment to make (Camunda 7 `POST /deployment/create`)."""

    name: str | None
    resources: Sequence[Resource]
    source: str | None = None
    tenant: str | None = None
    enable_duplicate_filtering: bool = False
    deploy_changed_only: bool = False
    activate_at_ms: int | None = None
    user: str | None = None


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment has made: its row, the new rows of `process_definition`, `decision_definition` and
    `decision_requirements_definition`, warnings per resource."""

    deployment: Row
    process_definitions: Sequence[Row] = ()
    decision_definitions: Sequence[Row] = ()
    decision_requirements_definitions: Sequence[Row] = ()
    warnings: Mapping[str, Sequence[Finding]] = {}


class Engine(Protocol):
    """A node, as seen from above. All methods belong to one event loop."""

    clock: Clock
    ids: Ids
    settings: Settings
    counters: Counters
    letters: Letters
    callbacks: Callbacks
    sharing: Sharing | None

    async def execute(self, command: Command, *, idempotency_key: str | None = None) -> Any:
        """Runs one unit of work; returns when it is durable.

        Raises `Refused` and `Failure` (nothing has changed), `Overloaded` when too much waits. With an
        `idempotency_key` a repeated call returns the first call's answer (kept 24 h).
        """
        ...

    async def deploy(self, request: Deploy) -> Deployed:
        """Deploys. Raises ParseFailed with the findings of all resources."""
        ...

    async def delete_deployment(
        self,
        deployment: str,
        *,
        cascade: bool,
        skip_custom_listeners: bool = False,
        skip_io_mappings: bool = False,
        user: str | None = None,
    ) -> None:
        """Deletes a deployment, its definitions and, with `cascade`, all their instances and history; without it,
        refused while instances run. Raises NotFound."""
        ...

    async def delete_definition(self, definition: str, *, cascade: bool, user: str | None = None) -> None:
        """Deletes one process definition (as above)."""
        ...

    async def suspend_definition(
        self, definitions: Sequence[str], suspended: bool, *, include_instances: bool, user: str | None = None
    ) -> None:
        """Suspends or activates definitions, with their running instances if asked."""
        ...

    async def suspend_job_definition(
        self, job_definitions: Sequence[str], suspended: bool, *, include_jobs: bool, user: str | None = None
    ) -> None:
        """Suspends or activates job definitions, with their jobs if asked."""
        ...

    async def set_history_time_to_live(self, definition: str, days: int | None, *, user: str | None = None) -> None:
        """Sets for how many days the history of a definition's instances is kept after their end; None: for ever.
        Raises NotFound."""
        ...

    async def set_job_definition_priority(
        self, job_definition: str, priority: int | None, *, include_jobs: bool, user: str | None = None
    ) -> None:
        """Sets the priority that new jobs of a job definition get, and with `include_jobs` those that exist; None: what
        the model says, for new jobs only. Raises NotFound, BadUserRequest."""
        ...

    async def execute_together(
        self, commands: Sequence[Command], operation: Operation | None = None, *, user: str | None = None
    ) -> None:
        """Runs several commands as one unit of work: all, or none. `operation`: what the operation log says of them."""
        ...

    async def create_batch(self, new: NewBatch, operation: Operation | None = None) -> Row:
        """Makes a batch, whose jobs do their work later; `operation`: what the operation log says of it. Returns its
        row of `batch`."""
        ...

    async def suspend_batch(self, batch: str, suspended: bool, *, user: str | None = None) -> None:
        """Suspends or activates a batch with its jobs. Raises BadUserRequest when there is none."""
        ...

    async def delete_batch(self, batch: str, *, cascade: bool, user: str | None = None) -> None:
        """Deletes a batch with its jobs; history keeps it as ended unless `cascade`. Raises BadUserRequest."""
        ...

    async def delete_history_batch(self, batch: str, *, user: str | None = None) -> None:
        """Deletes an ended batch from history. Raises BadUserRequest."""
        ...

    async def delete_history(self, instances: Sequence[str], *, user: str | None = None) -> None:
        """Deletes ended instances from history."""
        ...

    async def administer(self, make: MakeChanges, *, user: str | None = None) -> Any:
        """Commits a change of users, groups, tenants, authorizations or filters, with its entries in the operation log;
        returns its result. `make` is called again when others have changed something meanwhile."""
        ...

    async def definition(self, definition: str) -> Definition:
        """The compiled definition with this id. Raises NotFound."""
        ...

    async def evaluate_decision(
        self, decision: str, variables: Mapping[str, TypedValue], *, user: str | None = None
    ) -> DecisionResult:
        """Evaluates a decision on its own; returns when its history is durable. Raises NotFound, Failure."""
        ...

    async def latest_decision(self, key: str, tenant: str | None) -> str | None:
        """Id of the newest decision definition of `key` for exactly this tenant."""
        ...

    async def set_decision_time_to_live(self, decision: str, days: int | None, *, user: str | None = None) -> None:
        """Sets for how many days the history of a decision's evaluations is kept; None: for ever. Raises NotFound."""
        ...

    async def latest(self, key: str, tenant: str | None) -> str | None:
        """Id of the newest definition of `key` for exactly this tenant (None: without tenant)."""
        ...

    async def instance(self, instance: str) -> Instance | None:
        """The live state, to be read only; None when it has ended or never was."""
        ...

    async def instances(self, instances: Sequence[str]) -> Mapping[str, Instance]:
        """The live ones among many, in one look; to be read at once, before anything else is awaited, and only read."""
        ...

    async def committed(self, instance: str) -> Instance | None:
        """The state that a command of this node has just committed, for the answer to that command: as `instance`, but
        without a look into the store where this node knows it; to be read at once, and only read."""
        ...

    async def instance_of(self, table: str, id: str) -> str | None:
        """The process instance to which a row of `external_task`, `job`, `user_task`, `event_subscription`, `incident`,
        or an `execution` belongs; None when there is no such live thing."""
        ...

    async def rows(self, query: Query) -> list[Row]:
        """Rows; reads of views wait until they have everything that was committed before the call. Raises ViewsBehind."""
        ...

    async def count(self, query: Query) -> int:
        """Number of rows, as `rows`."""
        ...

    async def groups(self, group: Group) -> list[Row]:
        """Groups, as `rows`."""
        ...

    async def fetch_and_lock(self, fetch: Fetch, *, wait_ms: int | None) -> list[Row]:
        """Locks external tasks for a worker; with nothing there, waits up to `wait_ms` without costing a thread.
        Returns rows of `external_task`."""
        ...

    async def note_seen_results(self, seen: Mapping[str, Any]) -> None:
        """Keeps with each external task (id) which versions of results documents its worker was given
        (`base.task_results.Seen` by name), None for none; to be done before the worker has its answer."""
        ...

    def give_back(self, rows: Sequence[Row]) -> None:
        """Unlocks fetched tasks whose worker has left before it could be told."""
        ...

    async def lock_external_task(self, external_task: str, worker: str, duration_ms: int) -> None:
        """`POST /external-task/{id}/lock`. Raises NotFound, BadRequest."""
        ...

    async def unlock_external_task(self, external_task: str, *, user: str | None = None) -> None:
        """`POST /external-task/{id}/unlock`."""
        ...

    async def extend_lock(self, external_task: str, worker: str, duration_ms: int) -> None:
        """`POST /external-task/{id}/extendLock`."""
        ...

    def health(self) -> Mapping[str, Any]:
        """`ready`: bool, and what is wrong."""
        ...

    def metrics(self) -> Mapping[str, float]:
        """Counters of this node."""
        ...

    async def loads(self) -> Mapping[str, Load]:
        """How much work waits in each topic that has any, about a second old."""
        ...

    async def measure(self) -> Sequence[Measured]:
        """Every metric of `runtime.telemetry.catalogue` with its values; what comes from the store is a few seconds old."""
        ...
