"""Incidents: a job or external task without retries stops its place, and every call activity above it, until a person acts."""

from __future__ import annotations

from penstock.engine.behavior import Steps
from penstock.engine.events import IncidentClosed, IncidentOpened
from penstock.engine.questions import LoadInstance
from penstock.engine.state import Execution, Incident
from penstock.engine.unit import Run, operation


def open_incident(
    run: Run,
    x: Execution,
    *,
    type: str,
    activity: str | None,
    configuration: str | None,
    message: str | None,
    failed_activity: str | None = None,
    job_definition: str | None = None,
    history_configuration: str | None = None,
) -> Steps:
    """Opens an incident at `x` and one at every call activity above (Camunda 7
    `IncidentEntity.createRecursiveIncidents`). Returns the first one's id."""
    first = cause = run.new_id()
    run.emit(
        IncidentOpened(
            incident=first,
            type=type,
            execution=x.id,
            activity=activity,
            failed_activity=failed_activity,
            configuration=configuration,
            message=message,
            cause=first,
            root=first,
            job_definition=job_definition,
            history_configuration=history_configuration,
        )
    )
    at = run
    while at.instance.super_instance is not None:
        above = yield from load_run(at, at.instance.super_instance)
        if above is None or at.instance.super_execution not in above.instance.executions:
            break
        caller = above.instance.executions[at.instance.super_execution]
        opened = above.new_id()
        above.emit(
            IncidentOpened(
                incident=opened,
                type=type,
                execution=caller.id,
                activity=caller.activity,
                failed_activity=caller.activity if type != "failedExternalTask" else None,
                configuration=None,
                message=None,
                cause=cause,
                root=first,
            )
        )
        cause = opened
        at = above
    return first


def load_run(run: Run, instance: str) -> Steps:
    """Another instance as part of this unit; returns its `Run`, or None when it has ended."""
    found = run.unit.runs.get(instance)
    if found is None:
        yield LoadInstance(id=instance)
        found = run.unit.runs.get(instance)
    return found


def incident_of(run: Run, configuration: str) -> Incident | None:
    """The open incident of a job or external task."""
    for incident in run.instance.incidents.values():
        if incident.configuration == configuration and incident.cause == incident.id:
            return incident
    return None


def close_for(run: Run, configuration: str, *, resolved: bool) -> None:
    """Closes the incident of a job or external task, if there is one, and those above that it caused."""
    if run.instance.incidents:
        incident = incident_of(run, configuration)
        if incident is not None:
            close(run, incident, resolved=resolved)


def close(run: Run, incident: Incident, *, resolved: bool) -> None:
    """Closes an incident here, and in the calling instances as soon as they are at hand."""
    run.emit(IncidentClosed(incident.id, resolved))
    if run.instance.super_instance is not None:
        run.push("close_caused", None, incident.id, resolved)


@operation
def close_caused(run: Run, x: Execution | None, cause: str, resolved: bool) -> Steps:
    """Closes the incident of the calling instance that `cause` has caused."""
    if run.instance.super_instance is None:
        return
    above: Run | None = yield from load_run(run, run.instance.super_instance)
    if above is None:
        return
    for incident in list(above.instance.incidents.values()):
        if incident.cause == cause and incident.id != cause:
            close(above, incident, resolved=resolved)


def drop_incidents(run: Run, x: Execution) -> None:
    """The execution goes, and its incidents with it."""
    for id in list(x.incidents):
        close(run, run.instance.incidents[id], resolved=False)
