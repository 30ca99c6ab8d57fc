"""Lines of the log about work that failed: which instance, activity, job, worker.

Fields, not sentences, so that programs find them. Never a message of the process's own making: an error's text may quote
a variable's value; it is kept with the job, the external task and the incident, where it is protected like the variables.
"""

import logging
from collections.abc import Iterable

from penstock.base.errors import Failure
from penstock.engine.commands import Command
from penstock.engine.events import ExternalTaskFailed, InstanceEvents
from penstock.store.protocol import Row

logger = logging.getLogger("penstock.work")

_NAMED = ("instance", "external_task", "worker", "task", "job", "execution", "definition", "user")
"""Fields of commands that name something."""


def unit_done(command: Command, result: object) -> None:
    """A unit is durable (level debug; ask `logger.isEnabledFor` first)."""
    named = _named(command)
    if "instance" not in command.__struct_fields__ and isinstance(result, str):
        named["instance"] = result
    logger.debug("unit committed", extra={"command": type(command).__name__, **named})


def unit_failed(command: Command, error: Failure) -> None:
    """The model could not go on; nothing has changed. A job's failure is also a line of its own (`job_failed`)."""
    places = error.stack[:1]
    logger.info(
        "unit failed",
        extra={
            "command": type(command).__name__,
            **_named(command),
            "failed_activity": error.element_id,
            "place": places[0] if places else None,
            "error": type(error).__name__,
        },
    )


def decision_failed(definition: str, error: Failure) -> None:
    """A caller's decision could not be evaluated; Camunda's answer does not say where."""
    places = [line for line in error.trace if line.startswith("at ")]
    fields = {"definition": definition, "place": ", ".join(places) or None, "error": type(error).__name__}
    logger.info("decision failed", extra=fields)


def _named(command: Command) -> dict[str, str]:
    found = {name: getattr(command, name, None) for name in _NAMED}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def job_failed(row: Row, error: Exception) -> None:
    """An attempt at a job has failed. `row`: the job as it was leased."""
    left = max((row["retries"] or 0) - 1, 0)
    logger.log(
        logging.INFO if left else logging.WARNING,
        "job failed",
        extra={
            "job": row["id"],
            "instance": row["instance_id"],
            "definition": row["definition_id"],
            "activity": row["activity_id"],
            "failed_activity": error.element_id if isinstance(error, Failure) else None,
            "retries": left,
            "error": type(error).__name__,
        },
    )


def job_defect(row: Row, error: Exception) -> None:
    """A job hit a mistake of ours."""
    fields = {"job": row["id"], "instance": row["instance_id"], "definition": row["definition_id"]}
    logger.error("job hit a defect", extra={**fields, "activity": row["activity_id"]}, exc_info=error)


def external_tasks_failed(happened: Iterable[InstanceEvents]) -> None:
    """Workers could not do their tasks."""
    for unit in happened:
        for event in unit.events:
            if type(event) is ExternalTaskFailed:
                logger.log(
                    logging.INFO if event.retries else logging.WARNING,
                    "external task failed",
                    extra={
                        "external_task": event.external_task,
                        "instance": unit.instance,
                        "definition": unit.definition,
                        "activity": event.activity,
                        "topic": event.topic,
                        "worker": event.worker,
                        "retries": event.retries,
                    },
                )
