"""What is wrong with a model: errors refuse the deployment, warnings do not."""

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One problem at one place of one resource (Camunda 7 `ProblemDto`).

    `line` and `column` start at 1; 0 means unknown.
    """

    severity: Severity
    message: str
    line: int = 0
    column: int = 0
    main_element_id: str | None = None
    element_ids: tuple[str, ...] = ()
