"""What a worker tells the server of a task: from a handler's outcome, or from what it raised, to a request."""

import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from penstock.base.clock import Clock
from penstock.worker import attempts, values, worker_calls
from penstock.worker.errors import BpmnError, InvalidVariable, Parked, TaskFailure
from penstock.worker.handlers import Completed
from penstock.worker.http.wire import Ask
from penstock.worker.results import ProcessTaskResults, TaskResult
from penstock.worker.task import ExternalTask
from penstock.worker.topic import Topic

DETAILS_CHARS_MAX = 32_000
"""How much of a stack trace is sent: its end, where the error is."""


class Report(msgspec.Struct, frozen=True):
    """A request with what it means. `what`: `complete`, `bpmnError` or `failure`. `rests_ms`: how long a failed task is
    not offered again."""

    what: str
    ask: Ask
    rests_ms: int = 0


class Reporting:
    """Makes the reports of one worker."""

    def __init__(self, worker: str, results_variable: str, clock: Clock) -> None:
        self._worker = worker
        self._results_variable = results_variable
        self._clock = clock

    def now(self) -> datetime:
        """The present, to the millisecond."""
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)

    def completed(self, task: ExternalTask, outcome: Any, began: datetime) -> Report:
        """The handler has returned. Raises InvalidVariable and TypeError for what is no outcome."""
        if isinstance(outcome, TaskResult):
            outcome = Completed(result=outcome)
        elif not isinstance(outcome, Completed):
            outcome = Completed(variables=outcome)
        variables = values.write_all(outcome.variables)
        if outcome.result is not None:
            name, document = self._appended(task, outcome.result, began)
            variables[name] = document
        local = values.write_all(outcome.local_variables)
        return Report("complete", worker_calls.complete(task.id, self._worker, variables, local))

    def _appended(self, task: ExternalTask, result: TaskResult, began: datetime) -> tuple[str, dict[str, Any]]:
        """The variable that says it, and its value on the wire."""
        entry = msgspec.structs.replace(
            result,
            start_time=result.start_time or began,
            end_time=result.end_time or self.now(),
            task_id=result.task_id or task.activity_id,
        )
        document = ProcessTaskResults(
            correlation_id=task.business_key or task.process_instance_id,
            process_metadata={
                "processDefinitionId": task.process_definition_id,
                "processInstanceId": task.process_instance_id,
            },
            task_results=(entry,),
        )
        if task.appends:
            typed = values.Typed("Json", document, {"append": True})
            return self._results_variable, values.write(self._results_variable, typed)
        name = f"{self._results_variable}.{task.id}"
        return name, values.write(name, document)

    def failed(self, task: ExternalTask, topic: Topic, error: BaseException) -> Report:
        """The handler has raised something (or its outcome was refused)."""
        try:
            return self._failed(task, topic, error)
        except Exception as broken:
            # A code that is no text, an exception without a `str`: the task must not stay locked because of that.
            why = f"the handler raised {type(error).__name__}, which cannot be reported ({type(broken).__name__})"
            untold = TypeError(why)
            untold.__cause__ = error
            return self._failed(task, topic, untold)

    def parked(self, task: ExternalTask, topic: Topic, parked: Parked) -> Report:
        """The task rests with all the retries that it has, in the same attempt."""
        left = topic.retries.count if task.retries is None else task.retries
        details = attempts.marked(_sendable(parked.message), task.attempt, attempts.parks(task.error_details) + 1)
        ask = worker_calls.failure(task.id, self._worker, _sendable(parked.message), details, left, parked.rest_ms)
        return Report("failure", ask, parked.rest_ms)

    def _failed(self, task: ExternalTask, topic: Topic, error: BaseException) -> Report:
        if isinstance(error, BpmnError):
            return self._bpmn_error(task, topic, error)
        left = topic.retries.left(task.retries)
        if isinstance(error, InvalidVariable):
            left = 0  # Trying again gives the same: somebody has to look at it.
        wait_ms: int | None = None
        if isinstance(error, TaskFailure):
            left = left if error.retries is None else error.retries
            wait_ms = error.retry_timeout_ms
        if wait_ms is None:
            wait_ms = topic.retries.wait_ms(left)
        message = str(error) or type(error).__name__
        details = attempts.marked(_details(error), task.attempt + (not getattr(error, "unclear", False)))
        ask = worker_calls.failure(task.id, self._worker, _sendable(message), details, left, wait_ms)
        return Report("failure", ask, wait_ms)

    def _bpmn_error(self, task: ExternalTask, topic: Topic, error: BpmnError) -> Report:
        try:
            variables: Mapping[str, Any] = values.write_all(error.variables)
        except (InvalidVariable, TypeError) as invalid:
            return self.failed(task, topic, invalid)
        code, message = error.error_code, error.error_message
        return Report("bpmnError", worker_calls.bpmn_error(task.id, self._worker, code, message, variables))


def _details(error: BaseException) -> str:
    if isinstance(error, TaskFailure) and error.details is not None:
        return _sendable(error.details)
    return _sendable("".join(traceback.format_exception(error)))[-DETAILS_CHARS_MAX:]


def _sendable(text: str) -> str:
    """Without what servers refuse: NUL, and lone surrogates. The report of a failure must not fail itself."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
