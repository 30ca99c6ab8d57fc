"""The input parameter `errors` of every connector: which failures and answers are BPMN errors of the model.

Keys are causes (an HTTP status, a class of them such as `5xx`, an SQLSTATE, the code of a SOAP fault, …), values are codes of
BPMN errors. It is a map, a JSON object as text, or `404=NotFound, 5xx=Down`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.base.errors import ConnectorRefused
from penstock.connect.inputs import mapping_of

ERRORS = "errors"
ANY = "*"
"""Stands for every cause that has no code of its own."""


def codes(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Cause → code, as the model says. Raises ConnectorRefused."""
    found = inputs.get(ERRORS)
    if isinstance(found, str) and not found.lstrip().startswith("{"):
        return _pairs(found)
    return {str(cause): str(code) for cause, code in mapping_of(ERRORS, found).items()}


def code_for(causes: Sequence[str], known: Mapping[str, str]) -> str | None:
    """The code of the first cause that has one; None: this is no BPMN error. What has no cause never is one."""
    for cause in causes:
        if cause in known:
            return known[cause]
    return known.get(ANY) if causes else None


def status_causes(status: int) -> tuple[str, ...]:
    """The causes of an HTTP or SMTP status of 400 or more: itself, and its class."""
    return (str(status), f"{status // 100}xx") if status >= 400 else ()


def _pairs(text: str) -> dict[str, str]:
    found = {}
    for pair in text.replace("\n", ",").split(","):
        if not pair.strip():
            continue
        cause, equals, code = pair.partition("=")
        if not equals or not cause.strip() or not code.strip():
            raise ConnectorRefused(
                "The input parameter 'errors' must be a map, a JSON object, or text such as 404=NotFound, 5xx=Down"
            )
        found[cause.strip()] = code.strip()
    return found
