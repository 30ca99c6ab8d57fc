"""A whole engine in one object, without a server, a store or a clock of its own: for tests of models and of the core.

It drives the same `step` as the server. After every command it can check that the state equals the state replayed from
the events, and that packing and unpacking it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from penstock.base.clock import VirtualClock
from penstock.base.errors import ConnectorRefused, Failure, NotFound
from penstock.base.ids import CountingIds
from penstock.bpmn.elements import TABLE
from penstock.dmn.camunda.definitions import load
from penstock.dmn.camunda.deployed import DecisionFacts, DeployedDecision, deployed
from penstock.engine import codec
from penstock.engine.apply import replay
from penstock.engine.commands import Command, CompleteConnector, ExecuteJob, FailJob, InstanceCommand, StartInstance
from penstock.engine.connectors import ConnectorCall
from penstock.engine.definition import Definition
from penstock.engine.delegates import DelegateResult
from penstock.engine.events import InstanceEvents
from penstock.engine.questions import (
    CallDelegate,
    FindDecision,
    FindDefinition,
    FindSignalReceivers,
    LoadDefinition,
    LoadInstance,
    Question,
    RunScript,
)
from penstock.engine.state import Instance, Job, Task
from penstock.engine.step import step
from penstock.engine.unit import LargeRun, Run, Unit
from penstock.expr.script import ScriptResult
from penstock.expr.values import TypedValue, from_native
from penstock.model.reader import read_bpmn

Delegate = Callable[[Any], DelegateResult]


class Engine:
    """Definitions, live instances and their history in memory. `checked`: replay and packing are compared each time."""

    def __init__(self, *, checked: bool = True) -> None:
        self.clock = VirtualClock()
        self.ids = CountingIds()
        self.definitions: dict[str, Definition] = {}
        self.instances: dict[str, Instance] = {}
        self.history: dict[str, list[InstanceEvents]] = {}
        self._chunks: dict[str, dict[int, bytes]] = {}
        """Of each live instance, packed as if it were large: what every unit has changed, chunk by chunk."""
        self.decisions: dict[str, list[DeployedDecision]] = {}
        """By key, the versions in order."""
        self.delegates: dict[str, Delegate] = {}
        self.connectors: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        """Answer connectors' calls, by id: the inputs become the outputs; Failure fails the job."""
        self.scripts: Callable[[RunScript], ScriptResult] | None = None
        """Answers script questions; None: every script does nothing."""
        self.checked = checked
        self.logs_operations = False
        """Whether commands are written to the operation log."""
        self.trace: str | None = None
        """`traceparent` of the units that follow; None: they are not traced."""

    # ------------------------------------------------------------------------------------------ in

    def deploy(self, bpmn: bytes | str, resource: str = "test.bpmn") -> list[Definition]:
        """Deploys every executable process of the file as its key's next version."""
        data = bpmn.encode() if isinstance(bpmn, str) else bpmn
        file, _warnings = read_bpmn(data, resource)
        found = []
        for process in file.processes:
            version = 1 + sum(1 for d in self.definitions.values() if d.key == process.id)
            id = f"{process.id}:{version}:{self.ids.new()}"
            definition = Definition.build(process, id=id, version=version, deployment="test", tenant=None, table=TABLE)
            self.definitions[id] = definition
            found.append(definition)
        return found

    def latest(self, key: str) -> Definition:
        """The newest version of a key. Raises KeyError."""
        found = [d for d in self.definitions.values() if d.key == key]
        if not found:
            raise KeyError(f"no process with key {key!r} is deployed")
        return max(found, key=lambda d: d.version)

    def start(self, key: str, business_key: str | None = None, **variables: Any) -> str:
        """Starts an instance at its none start event; values are native. Returns its id."""
        typed = {
            name: value if isinstance(value, TypedValue) else from_native(value) for name, value in variables.items()
        }
        started = self.execute(
            StartInstance(definition=self.latest(key).id, business_key=business_key, variables=typed)
        )
        assert isinstance(started, str)
        return started

    def execute(self, command: Command) -> Any:
        """Runs one unit of work. A failure drops it whole; a failed job takes a retry and the failure is raised again."""
        try:
            result = self._run(command)
            if isinstance(command, ExecuteJob) and isinstance(result, ConnectorCall):
                return self._call(command, result)
            return result
        except Failure as failure:
            if isinstance(command, ExecuteJob):
                self._run(
                    FailJob(
                        instance=command.instance,
                        job=command.job,
                        message=failure.message,
                        failed_activity=failure.element_id,
                        final=isinstance(failure, ConnectorRefused),
                    )
                )
            raise

    def _call(self, command: ExecuteJob, call: ConnectorCall) -> Any:
        connector = self.connectors.get(call.connector)
        if connector is None:
            raise ConnectorRefused(f"There is no connector '{call.connector}'", element_id=call.element)
        outputs = connector(call.inputs)
        return self._run(CompleteConnector(instance=command.instance, job=command.job, outputs=outputs))

    def _run(self, command: Command) -> Any:
        unit = Unit(
            now_ms=self.clock.now_ms(),
            ids=self.ids,
            user=command.user,
            logs_operations=self.logs_operations,
            trace=self.trace,
        )
        if isinstance(command, InstanceCommand):
            self._adopt(unit, command.instance)
        steps = step(unit, command)
        result: Any = None
        try:
            question = next(steps)
            while True:
                try:
                    answer = self._answer(unit, question)
                except Failure as failure:
                    question = steps.throw(failure)
                else:
                    question = steps.send(answer)
        except StopIteration as stop:
            result = stop.value
        for happened in unit.outcome():
            run = unit.runs[happened.instance]
            self.history.setdefault(happened.instance, []).append(happened)
            if self.checked:
                self._check(run.instance, happened.instance)
                self._check_chunks(run)
            if run.instance.ended:
                self.instances.pop(happened.instance, None)
            else:
                self.instances[happened.instance] = run.instance
        return result

    def _adopt(self, unit: Unit, id: str) -> bool:
        instance = self.instances.get(id)
        if instance is None:
            return False
        # A dropped unit must leave no trace: it works on a copy.
        copy = codec.decode(*codec.encode(instance))
        definition = self.definitions[copy.definition] if copy.definition is not None else None
        unit.adopt(copy, definition, large=self.checked)
        return True

    def _check(self, instance: Instance, id: str) -> None:
        replayed = replay(self.history[id])
        if _plain(replayed) != _plain(instance):
            raise AssertionError(f"the replayed state of {id} differs from the live one:\n{replayed}\n{instance}")
        if _plain(codec.decode(*codec.encode(instance))) != _plain(instance):
            raise AssertionError(f"packing the state of {id} changes it")

    def _check_chunks(self, run: Run) -> None:
        """Packing what was touched gives what packing everything gives."""
        instance = run.instance
        if instance.ended:
            self._chunks.pop(instance.id, None)
            return
        head, chunks = codec.encode_in_chunks(instance)
        before = self._chunks.get(instance.id, {})
        changed = codec.encode_changed(instance, before, run.touched) if isinstance(run, LargeRun) else None
        if changed is not None:
            merged: dict[int, bytes | None] = {**before, **changed[1]}
            if (changed[0], {n: chunk for n, chunk in merged.items() if chunk is not None}) != (head, chunks):
                raise AssertionError(f"a change of {instance.id} is not noted: {codec.decode(head, chunks)}")
        unpacked = codec.decode(head, chunks)
        if _plain(unpacked) != _plain(instance) or _children(unpacked) != _children(instance):
            raise AssertionError(f"packing the state of {instance.id} in chunks changes it")
        self._chunks[instance.id] = chunks

    def _answer(self, unit: Unit, question: Question) -> Any:
        if isinstance(question, LoadDefinition):
            return self.definitions[question.id]
        if isinstance(question, FindDefinition):
            return self._find(question)
        if isinstance(question, LoadInstance):
            self._adopt(unit, question.id)
            return unit.runs.get(question.id)
        if isinstance(question, FindSignalReceivers):
            found = [
                (instance.id, s.id)
                for instance in self.instances.values()
                for s in instance.subscriptions.values()
                if s.type == "signal" and s.name == question.name
            ]
            return tuple(found), ()
        if isinstance(question, FindDecision):
            return self._decision(question)
        if isinstance(question, CallDelegate):
            delegate = self.delegates.get(question.name)
            if delegate is None:
                raise NotFound(f"nobody has registered '{question.name}'")
            return delegate(question)
        if isinstance(question, RunScript):
            return self.scripts(question) if self.scripts is not None else ScriptResult()
        return None

    def _find(self, question: FindDefinition) -> Definition | None:
        found = [d for d in self.definitions.values() if d.key == question.key]
        if question.binding == "version":
            found = [d for d in found if d.version == question.version]
        if question.binding == "versionTag":
            found = [d for d in found if d.process.version_tag == question.version_tag]
        return max(found, key=lambda d: d.version, default=None)

    def deploy_decisions(self, model: bytes | str, tenant: str | None = None) -> None:
        """Deploys the decisions of a DMN file. Raises DmnRefused."""
        source = load(model.encode() if isinstance(model, str) else model)
        rows: dict[str, dict[str, Any]] = {
            key: {
                "id": f"{key}:{len(self.decisions.get(key, ())) + 1}:{self.ids.new()}",
                "key": key,
                "tenant_id": tenant,
                "requirements_id": None if source.graph is None else f"{source.graph[0]}:1:{self.ids.new()}",
                "history_time_to_live": decision.facts.history_ttl_days,
            }
            for key, decision in source.decisions.items()
        }
        facts = {key: DecisionFacts(row["id"], source.decisions[key].facts.name) for key, row in rows.items()}
        for key, row in rows.items():
            self.decisions.setdefault(key, []).append(deployed(row, facts, source))

    def _decision(self, question: FindDecision) -> DeployedDecision:
        found = [one for one in self.decisions.get(question.key, ()) if one.tenant == question.tenant]
        if question.binding == "version":
            found = [one for one in found if one.id.split(":")[1] == str(question.version)]
        if question.binding == "versionTag":
            found = [one for one in found if one.model.decisions[one.key].facts.version_tag == question.version_tag]
        if not found:
            raise Failure(f"no decision definition deployed with key '{question.key}'")
        return found[-1]

    # ------------------------------------------------------------------------------------------ out

    def tasks(self, instance: str) -> list[Task]:
        """The open user tasks of an instance."""
        return list(self.instances[instance].tasks.values())

    def jobs(self, instance: str) -> list[Job]:
        """The jobs of an instance."""
        return list(self.instances[instance].jobs.values())


def _plain(instance: Instance) -> Any:
    """The state in a form that compares by value and not by the order in which executions were created."""
    return msgspec.to_builtins(instance)


def _children(instance: Instance) -> dict[str, list[str]]:
    """The children of every execution, in order."""
    return {x.id: list(x.children) for x in instance.executions.values()}
