"""Deployments and process definitions: reading, versions, start subscriptions and start timers, compiled definitions.

The rows are the truth. What is kept in memory (rows by id, who is latest, compiled processes) is valid for one epoch: the
store counts how often definitions have changed, every batch names the epoch it was stepped under, and a batch of an
older epoch is refused. Compiled processes never change and outlive epochs.

Ids of definitions are always `key:version:uuid`. Camunda 7 falls back to the bare uuid beyond 64 characters, a bound of
its columns; events and views read key and version from the id.
"""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from penstock.base.clock import Clock
from penstock.base.errors import (
    Conflict,
    EntitySuspended,
    ExpressionFailed,
    Failure,
    NotFound,
    NotValid,
    ParseFailed,
)
from penstock.base.ids import Ids, shard_of
from penstock.bpmn.elements import TABLE
from penstock.dmn.camunda.definitions import CamundaModel
from penstock.engine.definition import Activity, Definition, job_definition_id, timer_configuration
from penstock.engine.events import (
    AnyEvent,
    IncidentClosed,
    IncidentOpened,
    InstanceEvents,
    JobCreated,
    JobDeleted,
    JobKind,
)
from penstock.engine.questions import FindDefinition
from penstock.expr import juel, schedule
from penstock.identity.changes import OPERATOR, Operation, Property
from penstock.model.findings import Finding
from penstock.model.graph import BpmnFile, Process, TimerKind, Trigger, TriggerKind
from penstock.model.reader import read_bpmn
from penstock.runtime.administration import operations
from penstock.runtime.committer import StepAgain
from penstock.runtime.decisions import DMN_SUFFIXES, DecisionDefinitions, read_model
from penstock.runtime.protocol import Deploy, Deployed, Settings, Sharing
from penstock.runtime.suspensions import ACTIVATE
from penstock.runtime.suspensions import KINDS as SUSPENSIONS
from penstock.store.protocol import AnyChange, Change, DeleteWhere, Row, RowChange, Store, UpdateWhere
from penstock.store.query import AnyOf, Order, Query, Where, eq, is_null, not_null, one_of
from penstock.store.tables import TABLES

BPMN_SUFFIXES = (".bpmn20.xml", ".bpmn")
DIAGRAM_SUFFIXES = ("png", "jpg", "gif", "svg")

COMPILED_MAX = 1_000
"""Most compiled definitions in memory."""

PARSE_IN_THREAD_BYTES = 200_000
"""Longer models are read in a thread, so that others go on."""

DEPLOY_ATTEMPTS_MAX = 20

_NONE: "Mapping[str, JobOverride]" = {}

_DAYS = re.compile(r"P(\d+)D")


class Plan(msgspec.Struct):
    """What a change of definitions writes, in one batch."""

    rows: list[AnyChange]
    events: list[InstanceEvents]
    deleted: list[str]
    """Ids whose history goes."""


Commit = Callable[[Plan, int], Awaitable[None]]
"""Commits a plan made under an epoch; raises StepAgain when that epoch is over."""


class JobOverride(msgspec.Struct, frozen=True):
    """What operators have set on a job definition: its new jobs are suspended, or have a priority of its own."""

    suspended: bool
    priority: int | None


class NoNames:
    """What expressions see at deployment: no variable, only the present."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def lookup(self, name: str) -> Any:
        raise KeyError(name)

    def now_ms(self) -> int:
        return self._now_ms


class _Parsed(msgspec.Struct):
    name: str
    content: bytes
    digest: str
    file: BpmnFile | None
    decisions: CamundaModel | None = None

    @property
    def definition_keys(self) -> list[str]:
        """Of the processes and decisions in it."""
        processes = [process.id for process in self.file.processes] if self.file is not None else []
        return processes + (list(self.decisions.decisions) if self.decisions is not None else [])


class Definitions:
    """Process definitions as this node knows them."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, settings: Settings, *, shared: bool, commit: Commit
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._shared = shared
        self._commit = commit
        self._changing = asyncio.Lock()
        self.decisions = DecisionDefinitions(store, clock, ids, settings, self)
        self.epoch = 0
        self._rows: dict[str, Row] = {}
        self._overrides: dict[str, dict[str, JobOverride]] = {}
        self._latest: dict[tuple[str, str | None], str | None] = {}
        self._found: dict[FindDefinition, Definition | None] = {}
        self._texts: dict[tuple[str, str], str | None] = {}
        self._compiled: OrderedDict[str, Definition] = OrderedDict()
        self._compiling: dict[str, asyncio.Future[Definition]] = {}
        self._refreshing: asyncio.Future[None] | None = None
        self._refresh_next: asyncio.Future[None] | None = None
        self.sharing: Sharing | None = None
        self.removing: set[str] = set()
        """Definitions that are being deleted: nothing starts any more."""

    # ------------------------------------------------------------------------------------------ the epoch

    async def start(self) -> None:
        """Reads the epoch."""
        self.moved(await self._store.epoch())

    def moved(self, epoch: int) -> None:
        """The store's definitions are newer than what is known here."""
        self.epoch = epoch
        self._rows.clear()
        self._overrides.clear()
        self._latest.clear()
        self._found.clear()
        self._texts.clear()

    async def refresh(self) -> None:
        """Takes notice of what other nodes have changed up to now. Callers that come at once share one question."""
        if not self._shared:
            return
        if self._refreshing is not None:
            # The question under way may have been asked before the caller's moment: wait for the next one.
            if self._refresh_next is None:
                self._refresh_next = asyncio.ensure_future(self._refresh_after(self._refreshing))
            await asyncio.shield(self._refresh_next)
            return
        self._refreshing = asyncio.ensure_future(self._ask_epoch())
        await asyncio.shield(self._refreshing)

    async def _refresh_after(self, before: "asyncio.Future[None]") -> None:
        await asyncio.wait([before])
        self._refreshing, self._refresh_next = self._refresh_next, None
        await self._ask_epoch()

    async def _ask_epoch(self) -> None:
        try:
            epoch = await self._store.epoch()
            if epoch != self.epoch:
                self.moved(epoch)
        finally:
            if self._refresh_next is None:
                self._refreshing = None

    # ------------------------------------------------------------------------------------------ finding

    async def row(self, definition: str) -> Row:
        """The row of `process_definition`. Raises NotFound."""
        found = self._rows.get(definition)
        if found is None:
            epoch = self.epoch
            rows = await self._store.rows(Query("process_definition", (eq("id", definition),)))
            if not rows:
                raise NotFound(
                    f"no deployed process definition found with id '{definition}': processDefinition is null",
                    definition=definition,
                )
            found = rows[0]
            jobs = await self._store.rows(
                Query(
                    "job_definition",
                    (eq("definition_id", definition), AnyOf((eq("suspended", True), not_null("job_priority")))),
                    columns=("id", "suspended", "job_priority"),
                )
            )
            if epoch == self.epoch:
                self._rows[definition] = found
                if jobs:
                    self._overrides[definition] = {
                        job["id"]: JobOverride(bool(job["suspended"]), job["job_priority"]) for job in jobs
                    }
        return found

    def job_overrides(self, definition: str | None) -> Mapping[str, JobOverride]:
        """What is set on the job definitions of a loaded definition, by their ids; those with nothing set are missing."""
        return self._overrides.get(definition, _NONE) if definition is not None else _NONE

    async def latest(self, key: str, tenant: str | None) -> str | None:
        """Id of the newest version of `key` for exactly this tenant."""
        await self.refresh()
        return await self._latest_known(key, tenant)

    async def _latest_known(self, key: str, tenant: str | None) -> str | None:
        known = (key, tenant)
        if known in self._latest:
            return self._latest[known]
        epoch = self.epoch
        rows = await self._store.rows(
            Query(
                "process_definition",
                (eq("key", key), _tenant(tenant)),
                order=(Order("version", descending=True),),
                limit=1,
            )
        )
        id: str | None = rows[0]["id"] if rows else None
        if epoch == self.epoch:
            self._latest[known] = id
        return id

    def cached(self, definition: str) -> Definition | None:
        """The compiled definition, when it is at hand and known to exist."""
        if definition not in self._rows:
            return None
        return self._compiled.get(definition)

    async def load(self, definition: str) -> Definition:
        """The compiled definition. Raises NotFound."""
        await self.row(definition)
        found = self._compiled.get(definition)
        if found is not None:
            self._compiled.move_to_end(definition)
            return found
        running = self._compiling.get(definition)
        if running is None:
            running = self._compiling[definition] = asyncio.ensure_future(self._compile(definition))
            running.add_done_callback(lambda _: self._compiling.pop(definition, None))
        return await asyncio.shield(running)

    async def _compile(self, definition: str) -> Definition:
        row = await self.row(definition)
        content = await self.content(row["deployment_id"], row["resource_name"])
        if content is None:
            raise NotFound(
                f"no resource found with name '{row['resource_name']}' in deployment '{row['deployment_id']}'"
            )
        file = await _read(content, row["resource_name"])
        for process in file[0].processes:
            if process.id == row["key"]:
                return self._keep(_build(process, row))
        raise NotFound(f"'{row['resource_name']}' of deployment '{row['deployment_id']}' has no process '{row['key']}'")

    def _keep(self, definition: Definition) -> Definition:
        self._compiled[definition.id] = definition
        while len(self._compiled) > COMPILED_MAX:
            self._compiled.popitem(last=False)
        return definition

    def find_cached(self, question: FindDefinition, unknown: Any) -> Any:
        """The answer to `question` when it is at hand, else `unknown`."""
        return self._found.get(question, unknown)

    async def find(self, question: FindDefinition) -> Definition | None:
        """What a call activity calls. Raises EntitySuspended."""
        epoch = self.epoch
        id = await self._find(question)
        if id is None or id in self.removing:
            return None
        await self.check_startable(id)
        found = await self.load(id)
        if epoch == self.epoch:
            self._found[question] = found
        return found

    async def _find(self, question: FindDefinition) -> str | None:
        if question.binding == "latest":
            return await self._latest_known(question.key, question.tenant)
        terms: list[Where] = [eq("key", question.key)]
        if question.binding == "deployment":
            if question.deployment_of is None:
                return None
            caller = await self.row(question.deployment_of)
            terms.append(eq("deployment_id", caller["deployment_id"]))
        else:
            terms.append(_tenant(question.tenant))
            if question.binding == "version":
                terms.append(eq("version", question.version))
            else:
                terms.append(eq("version_tag", question.version_tag))
        rows = await self._store.rows(
            Query("process_definition", terms, order=(Order("version", descending=True),), limit=2)
        )
        if len(rows) > 1 and question.binding == "versionTag":
            raise Failure(
                f"Found more than one process definition for key '{question.key}' and versionTag '{question.version_tag}'"
            )
        return rows[0]["id"] if rows else None

    def is_startable(self, definition: str) -> bool:
        """Whether it is known, without asking the store, that an instance may start."""
        row = self._rows.get(definition)
        return row is not None and not row["suspended"] and definition not in self.removing

    async def check_startable(self, definition: str) -> None:
        """Refuses to start a definition that is unknown, suspended or being deleted."""
        row = await self.row(definition)
        if definition in self.removing:
            raise NotFound(f"no deployed process definition found with id '{definition}': processDefinition is null")
        if row["suspended"]:
            raise EntitySuspended(
                f"ENGINE-03067 Process definition with id '{definition}' is suspended.", definition=definition
            )

    async def resource_text(self, definition: str, name: str) -> str | None:
        """A resource of the definition's deployment as text (`camunda:resource`, `deployment://name`)."""
        for prefix in ("deployment://", "classpath://"):
            name = name.removeprefix(prefix)
        row = await self.row(definition)
        key = (row["deployment_id"], name)
        if key not in self._texts:
            content = await self.content(*key)
            self._texts[key] = content.decode("utf-8-sig", errors="replace") if content is not None else None
        return self._texts[key]

    async def content(self, deployment: str, name: str) -> bytes | None:
        """The bytes of a deployed resource."""
        rows = await self._store.rows(
            Query("resource", (eq("deployment_id", deployment), eq("name", name)), limit=1, columns=("content",))
        )
        return bytes(rows[0]["content"]) if rows else None

    async def signal_receivers(
        self, name: str, tenant: str | None
    ) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
        """Who waits for a thrown signal: (instance id, subscription id) and (definition id, start event id), oldest first.

        A throw event of a tenant reaches its own tenant and those without one (Camunda 7 `SignalEventReceivedCmd`)."""
        rows = await self._store.rows(
            Query(
                "event_subscription",
                (eq("type", "signal"), eq("name", name)),
                order=(Order("created_ms"), Order("id")),
                columns=("id", "instance_id", "definition_id", "activity_id", "tenant_id"),
            )
        )
        wanted = [row for row in rows if row["tenant_id"] is None or row["tenant_id"] == tenant]
        receivers = tuple((row["instance_id"], row["id"]) for row in wanted if row["instance_id"] is not None)
        starts: list[tuple[str, str]] = []
        for row in wanted:
            if row["instance_id"] is None and not (await self.row(row["definition_id"]))["suspended"]:
                starts.append((row["definition_id"], row["activity_id"]))
        return receivers, tuple(starts)

    # ------------------------------------------------------------------------------------------ deploying

    async def change(self, make: Callable[[], Awaitable[Plan | None]]) -> None:
        """Commits the plan that `make` gives, made again whenever the definitions have moved meanwhile."""
        async with self._changing:
            for _ in range(DEPLOY_ATTEMPTS_MAX):
                await self.refresh()
                epoch = self.epoch
                plan = await make()
                if plan is None:
                    return
                try:
                    await self._commit(plan, epoch)
                except StepAgain:
                    continue
                return
        raise Conflict("The definitions are changed by too many others at once: try again in a moment")

    async def deploy(self, request: Deploy) -> Deployed:
        """See `Engine.deploy`."""
        if not request.resources:
            raise NotValid("No deployment resources contained to deploy.")
        parsed, warnings = await self._parse(request)
        if self.sharing is not None:
            self.sharing.check_owner([key for one in parsed for key in one.definition_keys], request.user)
        made: list[Deployed] = []

        async def make() -> Plan | None:
            deployed, plan = await self._deployment(request, parsed, warnings)
            made.append(deployed)
            return plan

        await self.change(make)
        return made[-1]

    async def _parse(self, request: Deploy) -> tuple[list[_Parsed], dict[str, Sequence[Finding]]]:
        parsed: list[_Parsed] = []
        warnings: dict[str, Sequence[Finding]] = {}
        failed: list[ParseFailed] = []
        for resource in request.resources:
            file: BpmnFile | None = None
            if resource.name.endswith(BPMN_SUFFIXES):
                try:
                    file, found = await _read(resource.content, resource.name)
                    if found:
                        warnings[resource.name] = found
                except ParseFailed as error:
                    failed.append(error)
            decisions: CamundaModel | None = None
            if resource.name.endswith(DMN_SUFFIXES):
                decisions = read_model(resource.name, resource.content)
            digest = hashlib.sha256(resource.content).hexdigest()
            parsed.append(_Parsed(resource.name, resource.content, digest, file, decisions))
        if failed:
            if len(failed) > 1:
                failed[0].findings = {name: found for one in failed for name, found in one.findings.items()}
            raise failed[0]
        return parsed, warnings

    async def _deployment(
        self, request: Deploy, parsed: list[_Parsed], warnings: dict[str, Sequence[Finding]]
    ) -> tuple[Deployed, Plan | None]:
        now_ms = self._clock.now_ms()
        chosen = parsed
        if request.enable_duplicate_filtering or request.deploy_changed_only:
            before = await self._latest_digests(request)
            changed = [one for one in parsed if before.get(one.name) != one.digest]
            chosen = changed if request.deploy_changed_only else (parsed if changed else [])
            if not chosen:
                existing = await self._existing(request)
                if existing is not None:
                    return Deployed(deployment=existing, warnings=warnings), None
                chosen = parsed
        id = self._ids.new()
        deployment = _whole(
            "deployment",
            id=id,
            name=request.name,
            source=request.source,
            tenant_id=request.tenant,
            deployed_ms=now_ms,
        )
        plan = Plan([RowChange("deployment", Change.INSERT, deployment)], [], [])
        for one in chosen:
            plan.rows.append(
                RowChange(
                    "resource",
                    Change.INSERT,
                    {
                        "id": self._ids.new(),
                        "deployment_id": id,
                        "name": one.name,
                        "content": one.content,
                        "digest": one.digest,
                    },
                )
            )
        names = {one.name for one in chosen}
        definitions: list[Row] = []
        taken: dict[str, str] = {}
        for one in chosen:
            for process in one.file.processes if one.file is not None else ():
                if process.id in taken:
                    raise Failure(
                        f"The deployment contains definitions with the same key '{process.id}' (id attribute), this is"
                        " not allowed"
                    )
                taken[process.id] = one.name
                assert one.file is not None
                row = await self._version(request, id, one, one.file, process, names, now_ms)
                definitions.append(row)
                await self._start_events(plan, _build(process, row), row, now_ms, request.activate_at_ms)
        decisions, requirements = await self._decisions(plan, request, id, chosen, names, now_ms)
        plan.events += self._logged(request.user, _created(id, request))
        made = Deployed(
            deployment=deployment,
            process_definitions=definitions,
            decision_definitions=decisions,
            decision_requirements_definitions=requirements,
            warnings=warnings,
        )
        return made, plan

    async def _decisions(
        self, plan: Plan, request: Deploy, deployment: str, chosen: list[_Parsed], names: set[str], now_ms: int
    ) -> tuple[list[Row], list[Row]]:
        """Adds the deployed decisions to the plan; returns their rows and those of their graphs."""
        decisions: list[Row] = []
        requirements: list[Row] = []
        for one in chosen:
            if one.decisions is None:
                continue
            changes, found, graphs = await self.decisions.plan(
                deployment, one.name, one.decisions, request.tenant, names, now_ms
            )
            plan.rows += changes
            for known, new in ((decisions, found), (requirements, graphs)):
                _refuse_doubles(known, new)
                known += new
        return decisions, requirements

    async def _latest_digests(self, request: Deploy) -> dict[str, str]:
        """Name → digest of the newest resource of each name, over the deployments of this name, source and tenant."""
        deployments = await self._store.rows(
            Query("deployment", self._like(request), order=(Order("deployed_ms"), Order("id")), columns=("id",))
        )
        ids = [row["id"] for row in deployments]
        resources = await self._store.rows(
            Query("resource", (one_of("deployment_id", ids),), columns=("deployment_id", "name", "digest"))
        )
        age = {id: at for at, id in enumerate(ids)}
        resources.sort(key=lambda row: age[row["deployment_id"]])
        return {row["name"]: row["digest"] for row in resources}

    async def _existing(self, request: Deploy) -> Row | None:
        rows = await self._store.rows(
            Query(
                "deployment",
                self._like(request),
                order=(Order("deployed_ms", descending=True), Order("id", descending=True)),
                limit=1,
            )
        )
        return rows[0] if rows else None

    @staticmethod
    def _like(request: Deploy) -> list[Where]:
        return [
            _equals("name", request.name),
            _equals("source", request.source),
            _tenant(request.tenant),
        ]

    async def _version(
        self,
        request: Deploy,
        deployment: str,
        parsed: _Parsed,
        file: BpmnFile,
        process: Process,
        names: set[str],
        now_ms: int,
    ) -> Row:
        latest = await self._latest_known(process.id, request.tenant)
        version = (await self.row(latest))["version"] + 1 if latest is not None else 1
        nodes = (process.nodes[id] for id in process.children)
        none_start = next((node for node in nodes if node.kind == "startEvent" and not node.triggers), None)
        form = none_start.form if none_start is not None else None
        return _whole(
            "process_definition",
            id=f"{process.id}:{version}:{self._ids.new()}",
            key=process.id,
            version=version,
            name=process.name,
            category=file.target_namespace,
            description=process.documentation,
            deployment_id=deployment,
            resource_name=parsed.name,
            diagram_name=_diagram(parsed.name, process.id, names),
            suspended=request.activate_at_ms is not None and request.activate_at_ms > now_ms,
            tenant_id=request.tenant,
            version_tag=process.version_tag,
            history_time_to_live=self._time_to_live(process),
            startable_in_tasklist=process.startable_in_tasklist,
            start_form_key=form is not None and (form.form_key is not None or form.form_ref is not None),
            deployed_ms=now_ms,
            latest=True,
        )

    def _time_to_live(self, process: Process) -> int | None:
        text = process.history_time_to_live
        if not text:
            return self._settings.history_time_to_live_days
        days = _DAYS.fullmatch(text)
        return int(days[1] if days else text)

    async def _start_events(
        self, plan: Plan, definition: Definition, row: Row, now_ms: int, activate_at_ms: int | None
    ) -> None:
        """The new version's job definitions, start subscriptions and start timers; those of the version before go."""
        before = await self._latest_known(definition.key, definition.tenant)
        plan.rows.append(RowChange("process_definition", Change.INSERT, row))
        if before is not None:
            plan.rows.append(RowChange("process_definition", Change.UPDATE, {"id": before, "latest": False}))
            await self._remove_starts(plan, [before], now_ms)
        for activity, kind, configuration in definition.job_definitions():
            plan.rows.append(
                RowChange(
                    "job_definition",
                    Change.INSERT,
                    {
                        "id": job_definition_id(definition.id, activity, kind, configuration),
                        "definition_id": definition.id,
                        "definition_key": definition.key,
                        "activity_id": activity,
                        "type": kind,
                        "configuration": configuration,
                        "suspended": row["suspended"],
                        "tenant_id": definition.tenant,
                        "deployment_id": definition.deployment_id,
                    },
                )
            )
        await self._add_starts(plan, definition, row, now_ms)
        if row["suspended"]:
            id = self._ids.new()
            plan.rows.append(
                RowChange(
                    "job",
                    Change.INSERT,
                    {
                        "shard": shard_of(id),
                        "id": id,
                        **_of_definition(definition),
                        "deployment_id": definition.deployment_id,
                        "kind": ACTIVATE,
                        "due_ms": activate_at_ms,
                        "retries": self._settings.default_retries,
                        "priority": 0,
                        "exclusive": True,
                        "suspended": False,
                        "created_ms": now_ms,
                    },
                )
            )

    async def _remove_starts(self, plan: Plan, definitions: Sequence[str], now_ms: int) -> None:
        """Start subscriptions and start timers of these versions."""
        for table in ("event_subscription", "job"):
            rows = await self._store.rows(Query(table, (one_of("definition_id", definitions), is_null("instance_id"))))
            for row in rows:
                plan.rows.append(RowChange(table, Change.DELETE, {"shard": row["shard"], "id": row["id"]}))
                if table == "job" and row["kind"] == JobKind.TIMER_START.value:
                    event = JobDeleted(
                        job=row["id"], log=beside(self._ids, row["id"]), retries=row["retries"], **start_job_facts(row)
                    )
                    plan.events.append(start_job_events(row, event, now_ms, *incident_closed(row, resolved=False)))

    async def _add_starts(self, plan: Plan, definition: Definition, row: Row, now_ms: int) -> None:
        for start in definition.starts():
            trigger = start.trigger
            if trigger is None:
                continue
            if trigger.kind is TriggerKind.TIMER:
                self._start_timer(plan, definition, start, trigger, row["suspended"], now_ms)
            elif trigger.kind in (TriggerKind.MESSAGE, TriggerKind.SIGNAL, TriggerKind.CONDITIONAL):
                await self._start_subscription(plan, definition, start, trigger, now_ms)

    async def _start_subscription(
        self, plan: Plan, definition: Definition, start: Activity, trigger: Trigger, now_ms: int
    ) -> None:
        name: str | None = None
        if trigger.kind is not TriggerKind.CONDITIONAL:
            name = juel.parse(trigger.name or "").evaluate_string(NoNames(now_ms))
        if trigger.kind is TriggerKind.MESSAGE:
            await self._check_message(plan, definition, name)
        id = self._ids.new()
        plan.rows.append(
            RowChange(
                "event_subscription",
                Change.INSERT,
                {
                    "shard": shard_of(id),
                    "id": id,
                    **_of_definition(definition),
                    "activity_id": start.id,
                    "type": trigger.kind.value,
                    "name": name,
                    "configuration": definition.id,
                    "created_ms": now_ms,
                },
            )
        )

    async def _check_message(self, plan: Plan, definition: Definition, name: str | None) -> None:
        """Only one process of a tenant may start by a message (Camunda 7 `BpmnDeployer.addMessageStartEventSubscription`)."""
        others: list[Mapping[str, Any]] = list(
            await self._store.rows(
                Query(
                    "event_subscription",
                    (eq("type", "message"), eq("name", name), is_null("instance_id"), _tenant(definition.tenant)),
                )
            )
        )
        for change in plan.rows:
            if (
                isinstance(change, RowChange)
                and change.table == "event_subscription"
                and change.change is Change.INSERT
            ):
                others.append(change.values)
        for other in others:
            same = other["type"] == "message" and other["name"] == name
            if same and other["definition_key"] != definition.key:
                raise Failure(
                    f"ENGINE-09011 Cannot deploy process definition '{definition.key}': there already is a message event"
                    f" subscription for the message with name '{name}'."
                )

    def _start_timer(
        self, plan: Plan, definition: Definition, start: Activity, trigger: Trigger, suspended: bool, now_ms: int
    ) -> None:
        due_ms, cycle = start_due(trigger, now_ms)
        row = self.start_job(definition, start, trigger, due_ms, cycle, suspended=bool(suspended), now_ms=now_ms)
        plan.rows.append(RowChange("job", Change.INSERT, row))
        plan.events.append(self.start_job_created(row, now_ms))

    def start_job(
        self,
        definition: Definition,
        start: Activity,
        trigger: Trigger,
        due_ms: int | None,
        cycle: str | None,
        *,
        suspended: bool,
        now_ms: int,
    ) -> Row:
        """The row of a timer that starts instances."""
        id = self._ids.new()
        kind = JobKind.TIMER_START.value
        job_definition = job_definition_id(definition.id, start.id, kind, timer_configuration(trigger))
        override = self.job_overrides(definition.id).get(job_definition)
        priority = override.priority if override is not None else None
        return _whole(
            "job",
            shard=shard_of(id),
            id=id,
            **_of_definition(definition),
            activity_id=start.id,
            job_definition_id=job_definition,
            deployment_id=definition.deployment_id,
            kind=kind,
            configuration=start.id,
            due_ms=due_ms,
            retries=start_retries(start, now_ms, self._settings.default_retries),
            priority=priority if priority is not None else _start_priority(definition, start, now_ms),
            exclusive=True,
            suspended=suspended,
            created_ms=now_ms,
            cycle=cycle,
        )

    def start_job_created(self, row: Row, now_ms: int) -> InstanceEvents:
        """The log's view of a new start timer."""
        event = JobCreated(
            job=row["id"],
            retries=row["retries"],
            exclusive=True,
            cycle=row["cycle"],
            log=beside(self._ids, row["id"]),
            **start_job_facts(row),
        )
        return start_job_events(row, event, now_ms, first=True)

    def _logged(self, user: str | None, *entries: Operation) -> list[InstanceEvents]:
        """Entries of the operation log, unless it leaves out who is not authenticated."""
        if user is None and not self._settings.log_operations_without_user:
            return []
        return operations(entries, self._ids, self._clock.now_ms(), user)

    # ------------------------------------------------------------------------------------------ deleting, suspending

    async def definitions_of(self, deployment: str) -> list[Row]:
        """The definitions that a deployment brought. Raises NotFound when there is no such deployment."""
        if not await self._store.rows(Query("deployment", (eq("id", deployment),), columns=("id",))):
            raise NotFound(f"Deployment with id '{deployment}' does not exist", deployment=deployment)
        return await self._store.rows(Query("process_definition", (eq("deployment_id", deployment),)))

    async def remove(
        self,
        definitions: Sequence[Row],
        deployment: str | None,
        deleted: Sequence[str],
        *,
        cascade: bool = False,
        user: str | None = None,
    ) -> None:
        """Deletes these definitions and, with `deployment`, that deployment. No instance of them lives any more.
        `cascade`: whether their instances went with them (operation log).

        The version before a deleted latest one is the latest again, with its start subscriptions and timers."""
        ids = [row["id"] for row in definitions]

        async def make() -> Plan:
            now_ms = self._clock.now_ms()
            plan = Plan([], [], list(deleted))
            if ids:
                await self._remove_starts(plan, ids, now_ms)
                for table, column in (("process_definition", "id"), ("job_definition", "definition_id")):
                    plan.rows.append(DeleteWhere(table, column, ids))
            if deployment is not None:
                changes, history = await self.decisions.removal(deployment, cascade=cascade)
                plan.rows += changes
                plan.deleted += history
                plan.rows.append(DeleteWhere("resource", "deployment_id", [deployment]))
                plan.rows.append(DeleteWhere("deployment", "id", [deployment]))
            plan.events += self._logged(user, *_deleted(definitions, deployment, cascade))
            for key, tenant in dict.fromkeys((row["key"], row["tenant_id"]) for row in definitions):
                await self._restore_latest(plan, key, tenant, ids, now_ms)
            return plan

        await self.change(make)
        for id in ids:
            self._compiled.pop(id, None)

    async def _restore_latest(self, plan: Plan, key: str, tenant: str | None, gone: Sequence[str], now_ms: int) -> None:
        rows = await self._store.rows(
            Query("process_definition", (eq("key", key), _tenant(tenant)), order=(Order("version", descending=True),))
        )
        left = [row for row in rows if row["id"] not in gone]
        if not left or not rows or rows[0]["id"] not in gone:
            return
        row = left[0]
        plan.rows.append(RowChange("process_definition", Change.UPDATE, {"id": row["id"], "latest": True}))
        await self._add_starts(plan, await self.load(row["id"]), row, now_ms)

    async def suspend(
        self, definitions: Sequence[str], suspended: bool, *, entries: Sequence[Operation] = (), user: str | None = None
    ) -> None:
        """Sets the suspension of definitions, their job definitions and start timers. Raises NotFound.
        `entries`: for the operation log."""

        async def make() -> Plan:
            for id in definitions:
                await self.row(id)
            timers = await self._store.rows(
                Query(
                    "job",
                    (one_of("definition_id", definitions), is_null("instance_id")),
                    columns=("shard", "id", "kind"),
                )
            )
            rows: list[AnyChange] = [
                UpdateWhere("process_definition", "id", tuple(definitions), {"suspended": suspended}),
                UpdateWhere("job_definition", "definition_id", tuple(definitions), {"suspended": suspended}),
            ]
            rows += [
                RowChange("job", Change.UPDATE, {"shard": row["shard"], "id": row["id"], "suspended": suspended})
                for row in timers
                if row["kind"] not in SUSPENSIONS
            ]
            return Plan(rows, self._logged(user, *entries), [])

        if definitions:
            await self.change(make)

    async def suspend_jobs(
        self,
        job_definitions: Sequence[str],
        suspended: bool,
        *,
        entries: Sequence[Operation] = (),
        user: str | None = None,
    ) -> None:
        """Sets the suspension of job definitions; new jobs follow it. Raises NotFound. `entries`: for the operation log."""

        async def make() -> Plan:
            known = {
                row["id"] for row in await self._store.rows(Query("job_definition", (one_of("id", job_definitions),)))
            }
            for id in job_definitions:
                if id not in known:
                    raise NotFound(f"Job definition with id '{id}' does not exist: jobDefinition is null")
            rows = [UpdateWhere("job_definition", "id", tuple(job_definitions), {"suspended": suspended})]
            return Plan(list(rows), self._logged(user, *entries), [])

        if job_definitions:
            await self.change(make)

    async def set_job_priority(self, job_definition: str, priority: int | None, *, user: str | None = None) -> None:
        """Sets the priority of new jobs of a job definition; None: what the model says. Raises NotFound."""

        async def make() -> Plan:
            rows = await self._store.rows(Query("job_definition", (eq("id", job_definition),)))
            if not rows:
                raise NotFound(f"Job definition with id '{job_definition}' does not exist: jobDefinition is null")
            change = {"id": job_definition, "job_priority": priority}
            logged = self._logged(user, _priority_set(rows[0], priority))
            return Plan([RowChange("job_definition", Change.UPDATE, change)], logged, [])

        await self.change(make)

    async def set_time_to_live(self, definition: str, days: int | None, *, user: str | None = None) -> None:
        """Sets how long the history of instances that end from now on is kept. Raises NotFound."""

        async def make() -> Plan:
            row = await self.row(definition)
            change = {"id": definition, "history_time_to_live": days}
            logged = self._logged(user, _time_to_live_set(row, days))
            return Plan([RowChange("process_definition", Change.UPDATE, change)], logged, [])

        await self.change(make)

    async def set_decision_time_to_live(self, decision: str, days: int | None, *, user: str | None = None) -> None:
        """Sets how long the history of a decision's evaluations is kept from now on. Raises NotFound."""

        async def make() -> Plan:
            row = await self.decisions.row(decision)
            change = {"id": decision, "history_time_to_live": days}
            logged = self._logged(user, _decision_time_to_live_set(row, days))
            return Plan([RowChange("decision_definition", Change.UPDATE, change)], logged, [])

        await self.change(make)


# ------------------------------------------------------------------------------------------ small things


async def _read(content: bytes, name: str) -> tuple[BpmnFile, list[Finding]]:
    if len(content) > PARSE_IN_THREAD_BYTES:
        return await asyncio.to_thread(read_bpmn, content, name, check_expression=_problem)
    return read_bpmn(content, name, check_expression=_problem)


def _problem(text: str) -> str | None:
    """What is wrong with a text that may hold expressions."""
    try:
        juel.parse(text)
    except ExpressionFailed as failed:
        return failed.message
    return None


def _build(process: Process, row: Row) -> Definition:
    found = Definition.build(
        process,
        id=row["id"],
        version=row["version"],
        deployment=row["deployment_id"],
        tenant=row["tenant_id"],
        table=TABLE,
    )
    found.history_ttl_days = row["history_time_to_live"]
    return found


def _refuse_doubles(known: Sequence[Row], new: Sequence[Row]) -> None:
    keys = {row["key"] for row in known}
    for row in new:
        if row["key"] in keys:
            raise Failure(
                f"The deployment contains definitions with the same key '{row['key']}' (id attribute), this is not allowed"
            )


def _whole(table: str, **values: Any) -> Row:
    """A row with every column of its table."""
    return {**dict.fromkeys(TABLES[table].columns), **values}


def _of_definition(definition: Definition) -> dict[str, Any]:
    return {"definition_id": definition.id, "definition_key": definition.key, "tenant_id": definition.tenant}


def _equals(column: str, value: str | None) -> Where:
    return is_null(column) if value is None else eq(column, value)


def _tenant(tenant: str | None) -> Where:
    return _equals("tenant_id", tenant)


def _java(value: bool) -> str:
    return "true" if value else "false"


def _created(deployment: str, request: Deploy) -> Operation:
    properties = (
        Property("duplicateFilterEnabled", _java(request.enable_duplicate_filtering)),
        Property("deployChangedOnly", _java(request.deploy_changed_only)),
    )
    return Operation(
        type="Create",
        entity="Deployment",
        category=OPERATOR,
        properties=properties,
        deployment=deployment,
        tenant=request.tenant,
    )


def _deleted(definitions: Sequence[Row], deployment: str | None, cascade: bool) -> list[Operation]:
    if deployment is not None:
        properties = (Property("cascade", _java(cascade)),)
        return [
            Operation(
                type="Delete", entity="Deployment", category=OPERATOR, properties=properties, deployment=deployment
            )
        ]
    properties = (Property("cascade", _java(cascade), "false"),)
    return [
        Operation(
            type="Delete",
            entity="ProcessDefinition",
            category=OPERATOR,
            properties=properties,
            definition=row["id"],
            deployment=row["deployment_id"],
            tenant=row["tenant_id"],
        )
        for row in definitions
    ]


def _priority_set(job_definition: Row, priority: int | None) -> Operation:
    before, after = job_definition["job_priority"], priority
    return Operation(
        type="SetPriority",
        entity="JobDefinition",
        category=OPERATOR,
        properties=(Property("overridingPriority", _number(after), _number(before)),),
        definition=job_definition["definition_id"],
        job_definition=job_definition["id"],
        tenant=job_definition["tenant_id"],
    )


def _time_to_live_set(definition: Row, days: int | None) -> Operation:
    return Operation(
        type="UpdateHistoryTimeToLive",
        entity="ProcessDefinition",
        category=OPERATOR,
        properties=(Property("historyTimeToLive", _number(days), _number(definition["history_time_to_live"])),),
        definition=definition["id"],
        tenant=definition["tenant_id"],
    )


def _decision_time_to_live_set(decision: Row, days: int | None) -> Operation:
    return Operation(
        type="UpdateHistoryTimeToLive",
        entity="DecisionDefinition",
        category=OPERATOR,
        properties=(
            Property("historyTimeToLive", _number(days), _number(decision["history_time_to_live"])),
            Property("decisionDefinitionId", decision["id"]),
            Property("decisionDefinitionKey", decision["key"]),
        ),
        tenant=decision["tenant_id"],
    )


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _diagram(resource: str, key: str, names: set[str]) -> str | None:
    """The picture of a process among the deployed files (Camunda 7 `BpmnDeployer.getDiagramResourceForDefinition`)."""
    base = resource
    for suffix in BPMN_SUFFIXES:
        if resource.endswith(suffix):
            base = resource[: -len(suffix)]
            break
    for suffix in DIAGRAM_SUFFIXES:
        for name in (f"{base}.{key}.{suffix}", f"{base}.{suffix}"):
            if name in names:
                return name
    return None


def start_due(trigger: Trigger, now_ms: int) -> tuple[int | None, str | None]:
    """When a start timer is due, and the text of its cycle. Raises Failure when that cannot be found out."""
    value = juel.parse(trigger.timer_text or "").evaluate(NoNames(now_ms))
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000), None
    if not isinstance(value, str):
        raise Failure(
            f"Timer expression '{trigger.timer_text}' of a start event gives {type(value).__name__}, expected a date or text"
        )
    if trigger.timer is TimerKind.CYCLE:
        due_ms, _ = schedule.due_date_of_cycle(value, now_ms)
        return due_ms, schedule.anchor_cycle(value, now_ms)
    if trigger.timer is TimerKind.DURATION:
        return schedule.due_of_duration(value, now_ms), None
    return schedule.due_of_date(value, now_ms), None


def _start_priority(definition: Definition, start: Activity, now_ms: int) -> int:
    text = start.job_priority or definition.process.job_priority
    if text is None:
        return 0
    value = juel.parse(text).evaluate(NoNames(now_ms))
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Failure(f"Priority value for job '{text}' is not a number: {value!r}", element_id=start.id) from None


def _retry_cycle(start: Activity, now_ms: int) -> schedule.RetryCycle | None:
    """What a start event says about the retries of its timer; None as well when that cannot be read, as in Camunda 7
    (`DefaultJobRetryCmd`)."""
    if start.retry_cycle is None:
        return None
    try:
        return schedule.parse_retry_cycle(juel.parse(start.retry_cycle).evaluate_string(NoNames(now_ms)) or "")
    except ExpressionFailed:
        return None


def start_retries(start: Activity, now_ms: int, default: int) -> int:
    """How many tries a new start timer has."""
    cycle = _retry_cycle(start, now_ms)
    return cycle.retries if cycle is not None else default


def start_retry_due(start: Activity, retries: int, now_ms: int) -> int | None:
    """When a start timer that has failed, with so many retries before, is tried again; None: at once."""
    cycle = _retry_cycle(start, now_ms)
    return cycle.due_after(now_ms, retries) if cycle is not None else None


def incident_closed(row: Mapping[str, Any], *, resolved: bool) -> list[AnyEvent]:
    """The end of the incident that a start timer's row names, if it does."""
    incident = (row["payload"] or {}).get("incident")
    return [IncidentClosed(incident, resolved)] if incident else []


def incident_opened(
    row: Mapping[str, Any],
    incident: str,
    message: str | None,
    failed_activity: str | None = None,
    log: str | None = None,
) -> IncidentOpened:
    """A start timer has no retries left. It has no execution, nor has its incident."""
    return IncidentOpened(
        incident=incident,
        type="failedJob",
        execution="",
        activity=row["activity_id"],
        failed_activity=failed_activity,
        configuration=row["id"],
        message=message,
        cause=incident,
        root=incident,
        job_definition=row["job_definition_id"],
        history_configuration=log,
    )


def beside(ids: Ids, root: str) -> str:
    """A new id in the shard of `root`, where the rows of its events are."""
    return ids.new()[:-3] + root[-3:]


def start_job_facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """What every event of a start timer repeats of it."""
    return {
        "kind": JobKind(row["kind"]),
        "execution": None,
        "activity": row["activity_id"],
        "due_ms": row["due_ms"],
        "priority": row["priority"] or 0,
        "configuration": row["configuration"],
        "job_definition": row["job_definition_id"],
    }


def start_job_events(
    row: Mapping[str, Any], event: AnyEvent, now_ms: int, *more: AnyEvent, first: bool = False
) -> InstanceEvents:
    """Events of a job that belongs to no instance: their header names the job itself.

    Such a job has no state that counts revisions; the moment orders its events after the first."""
    return InstanceEvents(
        instance=row["id"],
        root=row["id"],
        revision=1 if first else now_ms,
        at_ms=now_ms,
        definition=row["definition_id"],
        events=[event, *more],
        tenant=row["tenant_id"],
    )
