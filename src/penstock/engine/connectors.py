"""Connectors: a call to the outside for whose answer an activity waits.

Deviation from Camunda 7 (`ServiceTaskConnectorActivityBehavior`), which calls inside the transaction: the call is a job
of its own. `ExecuteJob` of such a job evaluates the inputs and gives a `ConnectorCall` back; the shell makes the call, with
no lock held, and reports with `CompleteConnector`, or with `FailJob`. The call may be made more than once.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.base.errors import BadUserRequest
from penstock.engine.behavior import Steps
from penstock.engine.commands import CompleteConnector
from penstock.engine.definition import Activity, connector_of, job_definition_id
from penstock.engine.events import JobCreated, JobExecuted, JobKind
from penstock.engine.incidents import close_for
from penstock.engine.jobs import find_job, first_retries, job_facts, job_priority
from penstock.engine.state import Execution, Job
from penstock.engine.throwing import throw_error
from penstock.engine.unit import Run
from penstock.engine.variables import Names, parameter_value, run_script, set_local, set_variable, store
from penstock.expr.host import HostObject
from penstock.model.graph import Implementation, Parameter


class ConnectorCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call to make: the result of `ExecuteJob` for a connector's job. `inputs`: native values."""

    connector: str
    element: str
    job: str
    inputs: dict[str, Any]


class ConnectorNames(Names):
    """The names of the place, hidden by the connector's own values (Camunda 7 `ConnectorVariableScope`), which `connector`
    is the host object of."""

    __slots__ = ("values",)

    def __init__(self, run: Run, x: Execution, values: dict[str, Any]) -> None:
        super().__init__(run, x)
        self.values = values

    def lookup(self, name: str) -> Any:
        if name in self.values:
            return self.values[name]
        if name == "connector":
            return self._host()
        return super().lookup(name)

    def _host(self) -> HostObject:
        def get(name: Any) -> Any:
            try:
                return self.lookup(str(name))
            except KeyError:
                return None

        return HostObject(
            "connector",
            {"variableNames": lambda: list(self.values), "variables": lambda: dict(self.values)},
            {
                "getVariable": (get, 1, 1),
                "getVariableLocal": (lambda name: self.values.get(str(name)), 1, 1),
                "hasVariable": (lambda name: get(name) is not None, 1, 1),
                "hasVariableLocal": (lambda name: str(name) in self.values, 1, 1),
                "setVariable": (lambda name, value: self.values.update({str(name): value}), 2, 2),
                "setVariableLocal": (lambda name, value: self.values.update({str(name): value}), 2, 2),
            },
        )


class _Thrown(Exception):
    """A script of a parameter has thrown a BPMN error: (code, message)."""


def create_connector(run: Run, x: Execution, a: Activity, how: Implementation) -> None:
    """`x` waits until the connector has answered. Its job is never exclusive: what is done in it happens outside, so it
    neither waits for other jobs of the instance nor holds them up."""
    configuration = how.connector_id
    run.emit(
        JobCreated(
            job=run.new_id(),
            kind=JobKind.CONNECTOR,
            execution=x.id,
            activity=a.id,
            retries=first_retries(run, x, a),
            priority=job_priority(run, x, a),
            exclusive=False,
            configuration=configuration,
            log=run.new_id(),
            job_definition=job_definition_id(run.definition.id, a.id, JobKind.CONNECTOR.value, configuration),
        )
    )


def prepare(run: Run, job: Job) -> Steps:
    """Evaluates the inputs. Returns the `ConnectorCall`, or None when one of them has thrown a BPMN error."""
    x, a, how = _place(run, job)
    names = ConnectorNames(run, x, {})
    try:
        for parameter in how.connector_inputs:
            names.values[parameter.name] = yield from _value(run, parameter, x, names)
    except _Thrown as thrown:
        _finish(run, job)
        yield from throw_error(run, x, *thrown.args)
        return None
    return ConnectorCall(connector=how.connector_id or "", element=a.id, job=job.id, inputs=names.values)


def complete(run: Run, command: CompleteConnector) -> Steps:
    """The connector has answered: its outputs become variables, and the activity is left."""
    job = find_job(run, command.job)
    if job.kind is not JobKind.CONNECTOR:
        raise BadUserRequest(f"The job '{job.id}' is not that of a connector")
    x, _a, how = _place(run, job)
    _finish(run, job)
    for name, value in command.variables.items():
        set_variable(run, x, name, store(value, name))
    for name, value in command.local_variables.items():
        set_local(run, x, name, store(value, name))
    try:
        if command.error is not None:
            raise _Thrown(*command.error)
        names = ConnectorNames(run, x, dict(command.outputs))
        for parameter in how.connector_outputs:
            value = yield from _value(run, parameter, x, names)
            set_variable(run, x, parameter.name, store(value, parameter.name))
    except _Thrown as thrown:
        yield from throw_error(run, x, *thrown.args)
        return
    run.leave(x)


def _place(run: Run, job: Job) -> tuple[Execution, Activity, Implementation]:
    assert job.execution is not None
    a = run.activity_by_id(job.activity)
    how = connector_of(a)
    assert how is not None
    return run.instance.executions[job.execution], a, how


def _finish(run: Run, job: Job) -> None:
    close_for(run, job.id, resolved=True)
    run.emit(
        JobExecuted(
            job=job.id, log=run.new_id(), retries=job.retries, failed_activity=job.failed_activity, **job_facts(job)
        )
    )


def _value(run: Run, parameter: Parameter, x: Execution, names: ConnectorNames) -> Steps:
    if parameter.script is None:
        return (yield from parameter_value(run, parameter, x, names=names))
    result = yield from run_script(run, parameter.script, x, names=names)
    if result.bpmn_error is not None:
        raise _Thrown(*result.bpmn_error)
    return result.value
