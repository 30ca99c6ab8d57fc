"""Decision definitions: which there are, which one is meant, and evaluating one that no process asks for.

As with processes, rows are the truth; what is kept in memory is valid for one epoch of the definitions, but read files,
which never change.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.base.clock import Clock
from penstock.base.errors import DecisionFailed, Failure, NotFound, ScriptFailed
from penstock.base.ids import Ids
from penstock.dmn.camunda.definitions import CamundaDecision, CamundaModel, load
from penstock.dmn.camunda.deployed import DecisionFacts, DeployedDecision, deployed
from penstock.dmn.camunda.evaluation import evaluate_decision
from penstock.dmn.camunda.history import history_of
from penstock.dmn.camunda.results import DecisionResult
from penstock.dmn.reader import DmnRefused
from penstock.engine.events import InstanceEvents
from penstock.engine.questions import FindDecision
from penstock.expr.script import ResolverScope, Script
from penstock.expr.values import TypedValue, to_native
from penstock.runtime.protocol import Settings
from penstock.runtime.scripts.host import ScriptHost
from penstock.store.protocol import AnyChange, Change, DeleteWhere, Row, RowChange, Store
from penstock.store.query import Order, Query, Where, eq, is_null
from penstock.store.tables import TABLES

if TYPE_CHECKING:
    from penstock.runtime.definitions import Definitions

DMN_SUFFIXES = (".dmn11.xml", ".dmn")
DECISION, REQUIREMENTS = "decision_definition", "decision_requirements_definition"
MODELS_MAX = 1_000
"""Most read files in memory."""
DAY_MS = 86_400_000


def read_model(name: str, content: bytes) -> CamundaModel:
    """A deployed file. Raises Failure in Camunda's words."""
    try:
        return load(content)
    except DmnRefused as refused:
        place = f" (line {refused.line})" if refused.line else ""
        raise Failure(f"ENGINE-22004 Unable to transform DMN resource '{name}'{place}. {refused.message}") from None


class GivenNames:
    """The variables that a caller gives with a decision, as expressions see them."""

    def __init__(self, variables: Mapping[str, TypedValue], now_ms: int) -> None:
        self._variables = variables
        self._now_ms = now_ms

    def lookup(self, name: str) -> Any:
        return to_native(self._variables[name])

    def now_ms(self) -> int:
        return self._now_ms


class DecisionDefinitions:
    """Decision definitions as this node knows them."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, settings: Settings, definitions: "Definitions") -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._definitions = definitions
        self._epoch = -1
        self._rows: dict[str, Row] = {}
        self._found: dict[FindDecision, str | None] = {}
        self._models: OrderedDict[tuple[str, str], CamundaModel] = OrderedDict()

    def _check_epoch(self) -> None:
        if self._epoch != self._definitions.epoch:
            self._epoch = self._definitions.epoch
            self._rows.clear()
            self._found.clear()

    # ------------------------------------------------------------------------------------------ finding

    async def row(self, decision: str) -> Row:
        """The row of `decision_definition`. Raises NotFound."""
        self._check_epoch()
        found = self._rows.get(decision)
        if found is None:
            epoch = self._epoch
            rows = await self._store.rows(Query(DECISION, (eq("id", decision),)))
            if not rows:
                raise NotFound(
                    f"no deployed decision definition found with id '{decision}': decisionDefinition is null",
                    definition=decision,
                )
            found = rows[0]
            if epoch == self._definitions.epoch:
                self._rows[decision] = found
        return found

    async def latest(self, key: str, tenant: str | None) -> str | None:
        """Id of the newest version of `key` for exactly this tenant."""
        await self._definitions.refresh()
        return await self._find(FindDecision(key=key, tenant=tenant))

    async def find(self, question: FindDecision) -> DeployedDecision:
        """The decision that a business rule task evaluates. Raises Failure."""
        found = await self._find(question)
        if found is None:
            raise Failure(_missing(question))
        return await self.load(found)

    async def _find(self, question: FindDecision) -> str | None:
        self._check_epoch()
        if question in self._found:
            return self._found[question]
        epoch = self._epoch
        query = Query(DECISION, await self._terms(question), order=(Order("version", descending=True),), limit=2)
        rows = await self._store.rows(query)
        if len(rows) > 1 and question.binding == "versionTag":
            raise Failure(
                f"Found more than one decision definition for key '{question.key}' and versionTag '{question.version_tag}'"
            )
        found: str | None = rows[0]["id"] if rows else None
        if epoch == self._definitions.epoch:
            self._found[question] = found
        return found

    async def _terms(self, question: FindDecision) -> list[Where]:
        terms: list[Where] = [eq("key", question.key)]
        if question.binding == "deployment" and question.deployment_of is not None:
            caller = await self._definitions.row(question.deployment_of)
            return [*terms, eq("deployment_id", caller["deployment_id"])]
        terms.append(_tenant(question.tenant))
        if question.binding == "version":
            terms.append(eq("version", question.version))
        elif question.binding == "versionTag":
            terms.append(eq("version_tag", question.version_tag))
        return terms

    async def load(self, decision: str) -> DeployedDecision:
        """The decision, ready to be evaluated. Raises NotFound."""
        row = await self.row(decision)
        source = (row["deployment_id"], row["resource_name"])
        model = self._models.get(source)
        if model is None:
            content = await self._definitions.content(*source)
            if content is None:
                raise NotFound(f"no resource found with name '{source[1]}' in deployment '{source[0]}'")
            model = self._models[source] = read_model(source[1], content)
            if len(self._models) > MODELS_MAX:
                self._models.popitem(last=False)
        self._models.move_to_end(source)
        return deployed(row, await self._siblings(row), model)

    async def _siblings(self, row: Row) -> dict[str, DecisionFacts]:
        """The decisions of the same file by key."""
        if row["requirements_id"] is None:
            return {row["key"]: DecisionFacts(row["id"], row["name"])}
        where = (eq("deployment_id", row["deployment_id"]), eq("resource_name", row["resource_name"]))
        rows = await self._store.rows(Query(DECISION, where, columns=("id", "key", "name")))
        return {each["key"]: DecisionFacts(each["id"], each["name"]) for each in rows}

    # ------------------------------------------------------------------------------------------ deploying

    async def plan(
        self, deployment: str, name: str, model: CamundaModel, tenant: str | None, names: set[str], now_ms: int
    ) -> tuple[list[AnyChange], list[Row], list[Row]]:
        """What deploying a file writes, its decision definitions, and its requirements definition if it has one."""
        changes: list[AnyChange] = []
        common = {
            "category": model.namespace,
            "deployment_id": deployment,
            "resource_name": name,
            "tenant_id": tenant,
            "deployed_ms": now_ms,
            "latest": True,
        }
        graphs: list[Row] = []
        if model.graph is not None:
            key, title = model.graph
            version = await self._next(changes, REQUIREMENTS, key, tenant)
            diagram = _diagram(name, key, names)
            graphs.append(self._row(REQUIREMENTS, key, version, name=title, diagram_name=diagram, **common))
        decisions: list[Row] = []
        for decision in model.decisions.values():
            version = await self._next(changes, DECISION, decision.key, tenant)
            graph = graphs[0] if graphs else None
            decisions.append(self._decision(decision, version, graph, _diagram(name, decision.key, names), common))
        for table, rows in ((REQUIREMENTS, graphs), (DECISION, decisions)):
            changes += [RowChange(table, Change.INSERT, row) for row in rows]
        return changes, decisions, graphs

    def _decision(
        self,
        decision: CamundaDecision,
        version: int,
        graph: Row | None,
        diagram: str | None,
        common: Mapping[str, Any],
    ) -> Row:
        facts = decision.facts
        days = facts.history_ttl_days
        return self._row(
            DECISION,
            decision.key,
            version,
            name=facts.name,
            version_tag=facts.version_tag,
            history_time_to_live=self._settings.history_time_to_live_days if days is None else days,
            requirements_id=None if graph is None else graph["id"],
            requirements_key=None if graph is None else graph["key"],
            diagram_name=diagram,
            **common,
        )

    def _row(self, table: str, key: str, version: int, **values: Any) -> Row:
        id_ = f"{key}:{version}:{self._ids.new()}"
        return {**dict.fromkeys(TABLES[table].columns), "id": id_, "key": key, "version": version, **values}

    async def _next(self, changes: list[AnyChange], table: str, key: str, tenant: str | None) -> int:
        """The version after the latest one, which is the latest no more."""
        rows = await self._store.rows(_newest(table, key, tenant))
        if not rows:
            return 1
        changes.append(RowChange(table, Change.UPDATE, {"id": rows[0]["id"], "latest": False}))
        return int(rows[0]["version"]) + 1

    async def removal(self, deployment: str, *, cascade: bool) -> tuple[list[AnyChange], list[str]]:
        """What deleting a deployment's decisions writes, and with `cascade` which history goes."""
        changes: list[AnyChange] = []
        decisions = await self._store.rows(Query(DECISION, (eq("deployment_id", deployment),)))
        if not decisions:
            return [], []
        for table in (DECISION, REQUIREMENTS):
            rows = await self._store.rows(Query(table, (eq("deployment_id", deployment),)))
            changes.append(DeleteWhere(table, "deployment_id", (deployment,)))
            for key, tenant in dict.fromkeys((row["key"], row["tenant_id"]) for row in rows):
                changes += await self._restored(table, key, tenant, deployment)
        history = await self._history(decisions) if cascade else []
        return changes, history

    async def _restored(self, table: str, key: str, tenant: str | None, gone: str) -> list[AnyChange]:
        rows = await self._store.rows(
            Query(table, (eq("key", key), _tenant(tenant)), order=(Order("version", descending=True),))
        )
        left = [row for row in rows if row["deployment_id"] != gone]
        if not left or rows[0]["deployment_id"] != gone:
            return []
        return [RowChange(table, Change.UPDATE, {"id": left[0]["id"], "latest": True})]

    async def _history(self, decisions: Sequence[Row]) -> list[str]:
        found: list[str] = []
        for row in decisions:
            query = Query("decision_instance", (eq("decision_id", row["id"]),), columns=("id",))
            found += [each["id"] for each in await self._store.rows(query)]
        return found

    # ------------------------------------------------------------------------------------------ evaluating

    async def evaluate(
        self, decision: str, variables: Mapping[str, TypedValue], scripts: ScriptHost, user: str | None
    ) -> tuple[DecisionResult, InstanceEvents]:
        """The result of a decision that no process asks for, and what is to be logged of it. Raises NotFound, Failure."""
        await self._definitions.refresh()
        found = await self.load(decision)
        now_ms = self._clock.now_ms()
        result = await self._driven(found, GivenNames(variables, now_ms), scripts)
        root = self._ids.new()
        made = iter([root])
        events = history_of(
            found,
            result,
            lambda: next(made, None) or self._ids.new()[:-3] + root[-3:],
            user=user,
            tenant=found.tenant,
            removal_ms=None if found.history_ttl_days is None else now_ms + found.history_ttl_days * DAY_MS,
        )
        log = InstanceEvents(
            instance=root,
            root=root,
            revision=1,
            at_ms=now_ms,
            definition=None,
            events=list(events),
            tenant=found.tenant,
        )
        return result, log

    async def _driven(self, found: DeployedDecision, names: GivenNames, scripts: ScriptHost) -> DecisionResult:
        steps = evaluate_decision(found.model, found.key, names)
        try:
            call = next(steps)
            while True:
                script = Script(language=call.language, source=call.source, element_id=found.key)
                try:
                    answer = await scripts.run(script, ResolverScope(call.names))
                except ScriptFailed as failed:
                    call = steps.throw(DecisionFailed(failed.message))
                else:
                    call = steps.send(answer.value)
        except StopIteration as stop:
            result: DecisionResult = stop.value
            return result


def _newest(table: str, key: str, tenant: str | None) -> Query:
    order = (Order("version", descending=True),)
    return Query(table, (eq("key", key), _tenant(tenant)), order=order, limit=1, columns=("id", "version"))


def _tenant(tenant: str | None) -> Where:
    return is_null("tenant_id") if tenant is None else eq("tenant_id", tenant)


def _diagram(resource: str, key: str, names: set[str]) -> str | None:
    """The picture of a decision among the deployed files (Camunda 7 `AbstractDefinitionDeployer`)."""
    base = next((resource.removesuffix(suffix) for suffix in DMN_SUFFIXES if resource.endswith(suffix)), resource)
    for suffix in ("png", "jpg", "gif", "svg"):
        for name in (f"{base}.{key}.{suffix}", f"{base}.{suffix}"):
            if name in names:
                return name
    return None


def _missing(question: FindDecision) -> str:
    whose = "no tenant-id" if question.tenant is None else f"tenant-id '{question.tenant}'"
    what = f"no decision definition deployed with key '{question.key}'"
    if question.binding == "version":
        return f"{what}, version = '{question.version}' and {whose}: decisionDefinition is null"
    if question.binding == "versionTag":
        return f"{what}, versionTag = '{question.version_tag}' and {whose}: decisionDefinition is null"
    if question.binding == "deployment":
        return f"{what} in deployment of '{question.deployment_of}': decisionDefinition is null"
    return f"{what} and {whose}: decisionDefinition is null"
