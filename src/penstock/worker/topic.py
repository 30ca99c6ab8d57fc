"""What a worker asks for: one topic with its handler."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from penstock.worker import values
from penstock.worker.backoff import Retries
from penstock.worker.handlers import Handler

FILTERS = (
    "businessKey",
    "processDefinitionId",
    "processDefinitionIdIn",
    "processDefinitionKey",
    "processDefinitionKeyIn",
    "processDefinitionVersionTag",
    "withoutTenantId",
    "tenantIdIn",
)
"""What a topic may be restricted to (Camunda 7 `FetchExternalTaskTopicDto`), besides `processVariables`."""


class Gate(Protocol):
    """Says how much of a topic may be in hand: topics with the same gate share what it allows."""

    def limit(self) -> int | None:
        """How many tasks now; None: as many as the worker can do."""
        ...

    def opens_in_s(self) -> float:
        """Seconds until a limit of 0 may be another."""
        ...


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic. `variables`: which ones are fetched; None: all. `filters`: see FILTERS, names in camelCase. `gate`: how many
    of its tasks may be fetched; None: whatever the worker can do."""

    name: str
    handler: Handler
    lock_duration_ms: int
    retries: Retries
    variables: Sequence[str] | None = None
    local_variables: bool = False
    filters: Mapping[str, Any] = {}
    process_variables: Mapping[str, Any] = {}
    gate: Gate | None = None

    def body(self, *, also: Sequence[str] = ()) -> dict[str, Any]:
        """As fetchAndLock wants it. `also`: variables that the worker itself needs."""
        body: dict[str, Any] = {
            "topicName": self.name,
            "lockDuration": self.lock_duration_ms,
            "deserializeValues": False,
            "includeExtensionProperties": True,
            **self.filters,
        }
        if self.variables is not None:
            body["variables"] = list(dict.fromkeys((*self.variables, *also)))
        if self.local_variables:
            body["localVariables"] = True
        if self.process_variables:
            found = values.write_all(self.process_variables)
            body["processVariables"] = {name: value["value"] for name, value in found.items()}
        return body
