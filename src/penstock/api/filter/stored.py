"""The query of a filter: kept as JSON in Camunda's spelling, with every list of conditions there (Camunda 7
`TaskQueryDto` as answers show it).

Only in a stored query may criteria be expressions, and only these four, matched literally: `currentUser()`,
`currentUserGroups()`, `now()` and `dateTime()`. A text without an expression stands for itself.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.api import dates, problems
from penstock.api.http import Request
from penstock.api.querying import Kind
from penstock.api.task.query import FILTERS, posted
from penstock.identity import membership
from penstock.store.query import Query

LISTS = ("taskVariables", "processVariables", "caseInstanceVariables")
_SUFFIX = "Expression"
_EXPRESSION = re.compile(r"\s*[$#]\{\s*(currentUser|currentUserGroups|now|dateTime)\(\s*\)\s*\}\s*")
_OPTIONS = ("withCommentAttachmentInfo", "withTaskVariablesInReturn", "withTaskLocalVariablesInReturn")


def checked(request: Request, query: Mapping[str, Any], *, top: bool = True) -> dict[str, Any]:
    """A query of a client in the form in which it is kept. Raises 400."""
    kept = {name: value for name, value in query.items() if _is_kept(name, value)}
    for name, value in kept.items():
        if _is_expression(name):
            _check_expression(name, value)
    alternatives = query.get("orQueries") or []
    if not isinstance(alternatives, list) or not all(isinstance(each, Mapping) for each in alternatives):
        raise problems.unreadable()
    if top:
        plain = {name: value for name, value in kept.items() if not _is_expression(name)}
        posted(
            request, {**plain, "orQueries": [_plain(each) for each in alternatives], "sorting": query.get("sorting")}
        )
    for name in LISTS:
        kept[name] = list(kept.get(name) or [])
    for name in [name for name in kept if name in FILTERS and FILTERS[name].kind is Kind.DATE]:
        kept[name] = _date(kept[name])
    if top:
        kept["orQueries"] = [checked(request, each, top=False) for each in alternatives]
        if query.get("sorting"):
            kept["sorting"] = query["sorting"]
    return kept


def _is_kept(name: str, value: Any) -> bool:
    return (name in FILTERS or name in _OPTIONS) and value is not None and value is not False


def _is_expression(name: str) -> bool:
    return name.endswith(_SUFFIX)


def _plain(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if not _is_expression(name)}


def _check_expression(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise problems.unreadable()
    if ("${" in value or "#{" in value) and not _EXPRESSION.fullmatch(value):
        raise problems.bad_user_request(
            f"The expression '{value}' of '{name}' is not allowed in a filter: use currentUser(), currentUserGroups(),"
            " now() or dateTime()"
        )


def _date(value: Any) -> Any:
    return dates.write(value) if isinstance(value, int) and not isinstance(value, bool) else value


# ------------------------------------------------------------------------------------------ executing


def extended(stored: Mapping[str, Any], extension: Mapping[str, Any]) -> dict[str, Any]:
    """A stored query with more conditions (Camunda 7 `TaskQueryImpl.extend`): a criterion of the extension replaces the
    stored one of that name, conditions on variables, alternatives and orders are added."""
    merged = {**stored, **{name: value for name, value in extension.items() if value is not None}}
    for name in (*LISTS, "orQueries", "sorting"):
        more = extension.get(name)
        if more is not None and not isinstance(more, list):
            raise problems.unreadable()
        merged[name] = [*(stored.get(name) or []), *(more or [])]
    return merged


async def prepared(request: Request, stored: Mapping[str, Any], extension: Mapping[str, Any]) -> Query:
    """The query of a filter's execution. Raises 400."""
    posted(request, extension)  # An expression, or something that makes no sense, is refused where it comes from.
    merged = extended(await _resolved(request, stored), extension)
    return posted(request, {**merged, "sorting": merged["sorting"] or None})


async def _resolved(request: Request, query: Mapping[str, Any]) -> dict[str, Any]:
    """The query with the values of its expressions, at every depth."""
    found: dict[str, Any] = {}
    for name, value in query.items():
        if name == "orQueries":
            found[name] = [await _resolved(request, each) for each in value]
        elif _is_expression(name):
            target = name.removesuffix(_SUFFIX)
            found[target] = _fitting(target, await _evaluated(request, value))
        else:
            found[name] = value
    return found


async def _evaluated(request: Request, text: str) -> Any:
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        return text
    if match[1] == "currentUser":
        return request.user if request.user is not None else ""
    if match[1] == "currentUserGroups":
        groups = await membership.groups_of(request.engine, request.user) if request.user is not None else []
        return groups or [""]
    return request.engine.clock.now_ms()


def _fitting(name: str, value: Any) -> Any:
    """The value as its criterion takes it: one for one, several for a list, no moment for a text."""
    kind = FILTERS[name].kind
    if kind is Kind.LIST:
        return value if isinstance(value, list) else [value]
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else ",".join(value)
    return dates.write(value) if isinstance(value, int) and kind is not Kind.DATE else value


def variable_names(properties: Mapping[str, Any] | None) -> Sequence[str]:
    """The variables that a filter wants to show with its tasks (property `variables` of the filter)."""
    wanted = (properties or {}).get("variables")
    if not isinstance(wanted, list):
        return ()
    return [each["name"] for each in wanted if isinstance(each, Mapping) and isinstance(each.get("name"), str)]
