"""Jobs: timers and asynchronous continuations as records. Running them: `engine.job_commands`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from penstock.base.errors import ExpressionFailed, Failure, NotFound
from penstock.engine.definition import Activity, job_definition_id, timer_configuration, timer_kind
from penstock.engine.events import JobCreated, JobDeleted, JobKind
from penstock.engine.incidents import close_for
from penstock.engine.state import Execution, Job
from penstock.engine.unit import Run
from penstock.engine.variables import evaluate, evaluate_int, evaluate_text
from penstock.expr import schedule
from penstock.model.graph import TimerKind, Trigger


def first_retries(run: Run, x: Execution | None, a: Activity | None) -> int:
    """How many tries a new job has: what `failedJobRetryTimeCycle` says, else the default (Camunda 7
    `DefaultJobRetryCmd`)."""
    if a is None or a.retry_cycle is None:
        return run.unit.default_retries
    try:
        text = evaluate_text(run, a.retry_cycle, x if x is not None else run.top)
        return schedule.parse_retry_cycle(text or "").retries
    except ExpressionFailed:
        # Camunda 7 ignores a cycle that it cannot read.
        return run.unit.default_retries


def job_priority(run: Run, x: Execution | None, a: Activity | None) -> int:
    """The priority of a job at `a`: the activity's, else the process's, else 0 (Camunda 7 `camunda:jobPriority`)."""
    text = (a.job_priority if a is not None else None) or run.definition.process.job_priority
    if text is None:
        return 0
    return evaluate_int(run, text, x if x is not None else run.top, "Priority value for job")


def find_job(run: Run, job: str) -> Job:
    """The job of this instance with that id. Raises NotFound."""
    found = run.instance.jobs.get(job)
    if found is None:
        raise NotFound(f"No job found with id '{job}'")
    return found


def create_async(run: Run, x: Execution, a: Activity, configuration: str, flow: str | None) -> None:
    """An asynchronous continuation before or after `a` waits for the job executor."""
    run.emit(
        JobCreated(
            job=run.new_id(),
            kind=JobKind.ASYNC,
            execution=x.id,
            activity=a.id,
            retries=first_retries(run, x, a),
            priority=job_priority(run, x, a),
            exclusive=a.exclusive,
            configuration=configuration,
            flow=flow,
            log=run.new_id(),
            job_definition=job_definition_id(run.definition.id, a.id, JobKind.ASYNC.value, configuration),
        )
    )


def due_of(run: Run, trigger: Trigger, x: Execution) -> tuple[int | None, str | None]:
    """When the timer is due, and its cycle's text (anchored) when it is one. Camunda 7 `TimerDeclarationImpl`."""
    text = trigger.timer_text or ""
    value = evaluate(run, text, x)
    now_ms = run.unit.now_ms
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000), None
    if value is None:
        raise Failure("Due date could not be determined: the timer's expression is null", element_id=x.activity)
    if not isinstance(value, str):
        raise Failure(
            f"Timer '{text}' was not configured with a valid duration/time, "
            f"expression evaluated to {type(value).__name__}, expected a date or text",
            element_id=x.activity,
        )
    if trigger.timer is TimerKind.CYCLE:
        due, _left = schedule.due_date_of_cycle(value, now_ms)
        return due, schedule.anchor_cycle(value, now_ms)
    if trigger.timer is TimerKind.DURATION:
        return schedule.due_of_duration(value, now_ms), None
    return schedule.due_of_date(value, now_ms), None


def create_timer(run: Run, x: Execution, a: Activity, *, repeats: bool) -> None:
    """A timer for the event `a`, which belongs to the scope of `x`. `repeats`: a cycle goes on after the first time."""
    trigger = a.trigger
    assert trigger is not None
    due_ms, cycle = due_of(run, trigger, x)
    kind = timer_kind(a)
    run.emit(
        JobCreated(
            job=run.new_id(),
            kind=kind,
            execution=x.id,
            activity=a.id,
            retries=first_retries(run, x, a),
            due_ms=due_ms,
            priority=job_priority(run, x, a),
            exclusive=a.exclusive,
            cycle=cycle if repeats else None,
            log=run.new_id(),
            job_definition=job_definition_id(run.definition.id, a.id, kind.value, timer_configuration(trigger)),
        )
    )


def job_facts(job: Job) -> dict[str, Any]:
    """What the history of every job event repeats of the job."""
    return {
        "kind": job.kind,
        "execution": job.execution,
        "activity": job.activity,
        "due_ms": job.due_ms,
        "priority": job.priority,
        "configuration": job.configuration,
        "job_definition": job.job_definition,
    }


def delete_job(run: Run, job: Job, *, resolved: bool = False) -> None:
    """The job is not needed any more."""
    close_for(run, job.id, resolved=resolved)
    run.emit(
        JobDeleted(
            job=job.id,
            log=run.new_id(),
            retries=job.retries,
            failed_activity=job.failed_activity,
            **job_facts(job),
        )
    )
