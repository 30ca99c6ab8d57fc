"""Every exception that Penstock raises on purpose.

    PenstockError
    ├── Refused                      the caller asked for something that cannot be: nothing has changed
    │   ├── BadRequest               a parameter makes no sense            (REST layer: InvalidRequestException)
    │   ├── BadUserRequest           the engine refuses the request        (BadUserRequestException)
    │   │   ├── EntitySuspended      the target is suspended               (SuspendedEntityInteractionException)
    │   │   └── MigrationPlanInvalid a migration plan has mappings that cannot be (MigrationPlanValidationException)
    │   ├── NullValue                something required is missing         (NullValueException)
    │   ├── NotValid                 a value does not fit                  (NotValidException)
    │   ├── NotFound                 what an id names does not exist       (NotFoundException)
    │   ├── MismatchingCorrelation   no or too many receivers              (MismatchingMessageCorrelationException)
    │   ├── TaskAlreadyClaimed       another user has claimed the task     (TaskAlreadyClaimedException)
    │   ├── Duplicate                there is one like it already          (ProcessEnginePersistenceException)
    │   ├── MessageUnreadable        a message of a bus cannot be read
    │   └── ParseFailed              a deployed resource cannot be read    (ParseException)
    ├── Failure                      a unit of work could not go on and was dropped whole (ProcessEngineException)
    │   ├── ExpressionFailed         an expression or condition
    │   ├── ScriptFailed             a script
    │   ├── JavaFailed               what Camunda answers with a Java exception that is none of its own
    │   │   └── DecisionFailed       a decision
    │   ├── DelegateMissing          code that nobody has registered
    │   ├── ConnectorFailed          a connector's call
    │   │   └── ConnectorRefused     one that was not made, and will not be until somebody changes something
    │   ├── DefinitionMissing        a definition that nobody has deployed  (NullValueException)
    │   ├── NoFlowTaken              a gateway without a way out
    │   ├── MigrationRefused         an instance does not fit a migration plan (MigratingProcessInstanceValidationException)
    │   └── BoundExceeded            steps, tokens, payload, nesting
    ├── Conflict                     somebody else changed the same instance; the server steps the unit again
    ├── Overloaded                   too much waits: try again later (503 with Retry-After)
    │   ├── ViewsBehind              the views did not catch up in time
    │   └── LimitReached             a service has what it may have (429 with Retry-After)
    ├── CallbackLate                 what is reported is over: calling again makes no sense (409)
    ├── NotAuthorized                the user may not do this          (AuthorizationException)
    ├── StoreFailed                  the store refused or is gone
    └── BusFailed                    a broker refused, or a connection is configured wrongly
        ├── BusUnavailable           a broker is out of reach: try again later
        └── DriverMissing            the client library of a broker is not installed

The REST layer turns classes into status and body in one table (`api/problems.py`); nothing else knows statuses.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class PenstockError(Exception):
    """Something went wrong in Penstock."""

    code: int = 0
    """Camunda's error code that REST answers carry: 0 for the engine, 1 for optimistic locking."""

    def __init__(self, message: str = "", **ids: Any) -> None:
        super().__init__(message or type(self).__doc__ or type(self).__name__)
        self.ids: Mapping[str, Any] = ids

    @property
    def message(self) -> str:
        return str(self.args[0])


class Refused(PenstockError):
    """The request was refused and nothing has changed."""


class BadRequest(Refused):
    """A parameter of the request makes no sense."""


class BadUserRequest(Refused):
    """The engine refuses this request."""


class MigrationPlanInvalid(BadUserRequest):
    """A migration plan is not valid.

    `instructions`: (instruction, what is wrong with it) each; `variables`: name → what is wrong.
    """

    def __init__(
        self, message: str, instructions: Sequence[tuple[Any, Sequence[str]]], variables: Mapping[str, Sequence[str]]
    ) -> None:
        super().__init__(message)
        self.instructions = instructions
        self.variables = variables


class NullValue(Refused):
    """Something required is missing."""


class NotValid(Refused):
    """A value does not fit."""


class NotFound(Refused):
    """There is no such thing."""


class EntitySuspended(BadUserRequest):
    """The target is suspended."""


class MismatchingCorrelation(Refused):
    """No execution, or more than one, waits for this message."""


class TaskAlreadyClaimed(Refused):
    """Another user has already claimed the task."""


class Duplicate(Refused):
    """There is one like it already."""


class MessageUnreadable(Refused):
    """A message cannot be read. The text is the reason that goes with it to the dead letters."""


class ParseFailed(Refused):
    """A deployed resource cannot be read.

    `findings`: per resource name the list of problems (`penstock.model.findings.Finding`).
    """

    def __init__(self, message: str, findings: Mapping[str, Sequence[Any]]) -> None:
        super().__init__(message)
        self.findings = findings


class Failure(PenstockError):
    """A unit of work could not go on and was dropped whole.

    `element_id` is the activity or flow of the model that failed, when it is known. `trace` and `stack`: what was
    evaluated and where in the model that is, from the inside out, a line each (`engine.trace`).
    """

    def __init__(self, message: str = "", *, element_id: str | None = None, **ids: Any) -> None:
        super().__init__(message, **ids)
        self.element_id = element_id
        self.trace: list[str] = []
        self.stack: list[str] = []


class ExpressionFailed(Failure):
    """An expression could not be parsed or evaluated."""


class ScriptFailed(Failure):
    """A script failed."""


class JavaFailed(Failure):
    """What Camunda answers with the name of a Java exception that is none of its own.

    `java`: that name, the `type` of the answer."""

    def __init__(self, message: str, *, java: str, element_id: str | None = None) -> None:
        super().__init__(message, element_id=element_id)
        self.java = java


class DecisionFailed(JavaFailed):
    """A decision could not be evaluated. `java`: FeelException, DmnHitPolicyException, DmnEngineException, …"""

    def __init__(self, message: str = "", *, java: str = "DmnEngineException", element_id: str | None = None) -> None:
        super().__init__(message, java=java, element_id=element_id)


class DelegateMissing(Failure):
    """The model calls code that nobody has registered."""


class DefinitionMissing(Failure):
    """The model calls a definition that nobody has deployed."""


class ConnectorFailed(Failure):
    """A connector's call has failed; another try may succeed.

    `causes`: names by which a model may make a BPMN error of it (a status, an SQLSTATE, …), the closest first."""

    def __init__(
        self, message: str = "", *, causes: Sequence[str] = (), element_id: str | None = None, **ids: Any
    ) -> None:
        super().__init__(message, element_id=element_id, **ids)
        self.causes = tuple(causes)


class ConnectorRefused(ConnectorFailed):
    """A connector's call was not made, and another try would not be either."""


class NoFlowTaken(Failure):
    """No outgoing sequence flow could be taken."""


class MigrationRefused(Failure):
    """A process instance cannot be migrated by a valid plan.

    `failures`: of the instance itself; `activities`, `transitions`: a report each, as
    `engine.migration_check` makes them.
    """

    def __init__(
        self,
        message: str,
        instance: str,
        failures: Sequence[str],
        activities: Sequence[Any],
        transitions: Sequence[Any],
    ) -> None:
        super().__init__(message, instance=instance)
        self.instance = instance
        self.failures = failures
        self.activities = activities
        self.transitions = transitions


class BoundExceeded(Failure):
    """A stated bound was exceeded."""


class Conflict(PenstockError):
    """Somebody else changed the same process instance."""

    code = 1


class StoreFailed(PenstockError):
    """The store refused a batch or is out of reach."""


class BusFailed(PenstockError):
    """A broker refused what was asked, or its connection is configured wrongly."""


class BusUnavailable(BusFailed):
    """A broker is out of reach: whether it took the last request is unknown. Try again later."""


class DriverMissing(BusFailed):
    """The client library of a broker is not installed."""


class Overloaded(PenstockError):
    """Too much is waiting; try again in a moment."""


class ViewsBehind(Overloaded):
    """The views have not caught up in time; try again in a moment."""


class LimitReached(Overloaded):
    """A service has what it may have of the engine.

    `limit`: the setting; `retry_after_s`: when a client should ask again, in whole seconds; `again_s`: when asking again may
    help at the earliest.
    """

    def __init__(self, message: str, *, service: str, limit: str, retry_after_s: int, again_s: float) -> None:
        super().__init__(message, service=service)
        self.limit = limit
        self.retry_after_s = retry_after_s
        self.again_s = again_s


class CallbackLate(PenstockError):
    """What is reported is over."""


class NotAuthorized(PenstockError):
    """The user may not do this."""
