"""Running jobs, and what becomes of them when they fail (Camunda 7 `JobEntity`, `DefaultJobRetryCmd`)."""

from __future__ import annotations

from penstock.base.errors import BadUserRequest, ExpressionFailed
from penstock.engine import connectors
from penstock.engine.behavior import Maybe, Steps
from penstock.engine.catching import deliver, fire
from penstock.engine.commands import ChangeJob, DeleteJob, ExecuteJob, FailJob, RecalculateJob
from penstock.engine.definition import Activity
from penstock.engine.events import JobChanged, JobCreated, JobExecuted, JobFailed, JobKind
from penstock.engine.incidents import close_for, incident_of, open_incident
from penstock.engine.jobs import delete_job, due_of, find_job, first_retries, job_facts, job_priority
from penstock.engine.state import Execution, Job, Subscription
from penstock.engine.tasks import call_task_listener
from penstock.engine.unit import Run
from penstock.engine.variables import evaluate_text
from penstock.expr import schedule
from penstock.expr.values import TypedValue

CONNECTOR_RETRY_MS = 10_000
"""How long a connector's job waits after its first failure; doubled with each further one."""

CONNECTOR_RETRY_MAX_MS = 600_000


def execute(run: Run, command: ExecuteJob) -> Maybe:
    """Runs the job; it is gone, or comes again when its cycle goes on. That of a connector stays until the call is made
    that this returns (`engine.connectors`)."""
    job = find_job(run, command.job)
    assert job.execution is not None
    if job.kind is JobKind.CONNECTOR:
        return connectors.prepare(run, job)
    x = run.instance.executions[job.execution]
    a = run.activity_by_id(job.activity)
    close_for(run, job.id, resolved=True)
    run.emit(
        JobExecuted(
            job=job.id, log=run.new_id(), retries=job.retries, failed_activity=job.failed_activity, **job_facts(job)
        )
    )
    if job.cycle is not None:
        _repeat(run, job)
    if job.kind is JobKind.ASYNC:
        return _continue(run, x, a, job)
    if job.kind is JobKind.TIMER_TASK_LISTENER:
        return _timeout_listener(run, x, a, job)
    if job.kind is JobKind.SIGNAL:
        # Whoever waited may have gone on meanwhile: then there is nothing to do.
        waits = (job.configuration or "") in run.instance.subscriptions
        return deliver(run, job.configuration or "", job.payload or {}) if waits else None
    return fire(run, x, a, job.payload or {}, {})


def _repeat(run: Run, job: Job) -> None:
    assert job.cycle is not None
    due_ms, _left = schedule.due_date_of_cycle(job.cycle, run.unit.now_ms)
    # One that is due at this very moment is the one that runs: on a clock that stands still it would come for ever.
    if due_ms is not None and due_ms > run.unit.now_ms:
        run.emit(
            JobCreated(
                job=run.new_id(),
                # One that somebody has run though it had none left comes again as one that has: it has no incident.
                retries=job.retries or run.unit.default_retries,
                exclusive=job.exclusive,
                cycle=job.cycle,
                log=run.new_id(),
                **{**job_facts(job), "due_ms": due_ms},
            )
        )


def create_signal(run: Run, subscription: Subscription, variables: dict[str, TypedValue]) -> None:
    """A thrown signal reaches `subscription` in a job of its own (Camunda 7 job type `event`)."""
    a = run.activity_by_id(subscription.activity)
    x = run.instance.executions[subscription.execution]
    run.emit(
        JobCreated(
            job=run.new_id(),
            kind=JobKind.SIGNAL,
            execution=x.id,
            activity=a.id,
            retries=first_retries(run, x, a),
            priority=job_priority(run, x, a),
            exclusive=a.exclusive,
            configuration=subscription.id,
            payload=dict(variables) or None,
            log=run.new_id(),
        )
    )


def _continue(run: Run, x: Execution, a: Activity, job: Job) -> Maybe:
    if job.configuration == "async-before":
        return run.do("begin", x, a)  # type: ignore[no-any-return]
    if job.flow is not None:
        return run.do("follow", x, run.definition.flows[job.flow])  # type: ignore[no-any-return]
    return run.do("after_path", x)  # type: ignore[no-any-return]


def _timeout_listener(run: Run, x: Execution, a: Activity, job: Job) -> Steps:
    task_id, _, listener_id = (job.configuration or "").partition("$")
    task = run.instance.tasks.get(task_id)
    spec = a.node.user_task if a.node is not None else None
    if task is None or spec is None:
        return
    for listener in spec.listeners:
        if listener.event == "timeout" and (listener.id or "") == listener_id:
            yield from call_task_listener(run, x, task, listener, "timeout")


def fail(run: Run, command: FailJob) -> Steps:
    """The unit that began with this job was dropped."""
    job = find_job(run, command.job)
    a = run.activity_by_id(job.activity)
    x = run.instance.executions.get(job.execution or "", run.top)
    retries, due_ms = (0, None) if command.final else _next_try(run, x, a, job)
    run.emit(
        JobFailed(
            job=job.id,
            message=command.message[:4000] if command.message is not None else None,
            stacktrace=command.stacktrace,
            retries=retries,
            failed_activity=command.failed_activity,
            due_ms=due_ms,
            log=run.new_id(),
            kind=job.kind,
            execution=job.execution,
            activity=job.activity,
            priority=job.priority,
            configuration=job.configuration,
            job_definition=job.job_definition,
            retries_before=job.retries,
            due_before_ms=job.due_ms,
        )
    )
    if retries == 0 and incident_of(run, job.id) is None:
        yield from open_incident(
            run,
            x,
            type="failedJob",
            activity=job.activity,
            configuration=job.id,
            message=command.message,
            failed_activity=command.failed_activity,
            job_definition=job.job_definition,
        )


def _next_try(run: Run, x: Execution, a: Activity, job: Job) -> tuple[int, int | None]:
    """(retries left, when to try again or None for at once)."""
    text = a.retry_cycle
    if text is not None:
        try:
            cycle = schedule.parse_retry_cycle(evaluate_text(run, text, x) or "")
        except ExpressionFailed:
            # Camunda 7 falls back to its default when the cycle cannot be read; the first failure must not hide behind it.
            return max(job.retries - 1, 0), None
        return max(job.retries - 1, 0), cycle.due_after(run.unit.now_ms, job.retries)
    if job.kind is JobKind.CONNECTOR:
        # What is out of reach now will be so in a millisecond as well.
        before = max(run.unit.default_retries - job.retries, 0)
        pause_ms = min(CONNECTOR_RETRY_MS << min(before, 10), CONNECTOR_RETRY_MAX_MS)
        return max(job.retries - 1, 0), run.unit.now_ms + pause_ms
    return max(job.retries - 1, 0), None


def change(run: Run, command: ChangeJob) -> Steps:
    """An operator sets retries, due date, priority or suspension."""
    job = find_job(run, command.job)
    changes = dict(command.changes)
    run.emit(JobChanged(job.id, changes))
    retries = changes.get("retries")
    if retries is not None:
        if retries > 0:
            close_for(run, job.id, resolved=True)
        elif incident_of(run, job.id) is None:
            yield from open_incident(
                run,
                run.instance.executions.get(job.execution or "", run.top),
                type="failedJob",
                activity=job.activity,
                configuration=job.id,
                message=job.message,
                job_definition=job.job_definition,
            )


def delete(run: Run, command: DeleteJob) -> None:
    """An operator deletes the job."""
    delete_job(run, find_job(run, command.job))


def recalculate(run: Run, command: RecalculateJob) -> None:
    """Evaluates the due date of a timer again."""
    job = find_job(run, command.job)
    a = run.activity_by_id(job.activity)
    if a.trigger is None or a.trigger.timer is None or job.execution is None:
        raise BadUserRequest(f"The job '{job.id}' is no timer: its due date cannot be recalculated")
    now_ms = run.unit.now_ms
    if command.creation_date_based:
        run.unit.now_ms = job.created_ms
    try:
        due_ms, _cycle = due_of(run, a.trigger, run.instance.executions[job.execution])
    finally:
        run.unit.now_ms = now_ms
    run.emit(JobChanged(job.id, {"due_ms": due_ms}))
