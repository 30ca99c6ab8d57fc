"""What stands beside the processes of a file and is referred to: messages, signals, errors, escalations."""

from collections import Counter
from typing import NamedTuple

from penstock.model.dialect import attribute
from penstock.model.log import Log
from penstock.model.xml import Element


class Definitions(NamedTuple):
    """Messages and signals by expanded name (`namespace:id`); errors and escalations by id."""

    messages: dict[str, tuple[str | None, str | None]]
    """(id, name)"""
    signals: dict[str, tuple[str, str]]
    """(id, name)"""
    errors: dict[str | None, tuple[str | None, str | None]]
    """(code, message)"""
    escalations: dict[str, str | None]
    """code"""
    prefixes: dict[str | None, str]
    target_namespace: str | None

    def resolve(self, name: str | None) -> str:
        """The expanded name of a QName, by the prefixes of the root element, as Camunda does."""
        prefix, colon, local = (name or "").partition(":")
        if colon:
            return f"{self.prefixes.get(prefix)}:{local}"
        return f"{self.target_namespace}:{name}"


def read_definitions(log: Log, root: Element) -> Definitions:
    """Reads and checks the root elements that are referred to."""
    namespace = root.get("targetNamespace")
    found = Definitions({}, {}, {}, {}, dict(root.namespaces.nsmap), namespace)
    names: Counter[str | None] = Counter()
    for element in root.all("import"):
        kind = element.get("importType")
        log.error(f"Could not import item of type {kind}", element)
    for element in root.all("message"):
        name = log.expression(element.get("name"))
        found.messages[f"{namespace}:{element.id}"] = (element.id, name)
    for element in root.all("signal"):
        _signal(log, element, found, names)
    for element in root.all("error"):
        if element.id is None:
            log.error("'id' is mandatory on error definition", element)
        message = log.expression(attribute(element, "errorMessage"))
        found.errors[element.id] = (element.get("errorCode"), message)
    for element in root.all("escalation"):
        if element.id is None:
            log.error("escalation must have an id", element)
        else:
            found.escalations[element.id] = element.get("escalationCode") or None
    return found


def _signal(log: Log, element: Element, found: Definitions, names: Counter[str | None]) -> None:
    name = element.get("name")
    for _ in range(names[name]):
        log.error(f"duplicate signal name '{name}'.", element)
    if element.id is None:
        log.error("signal must have an id", element)
    elif name is None:
        log.error(f"signal with id '{element.id}' has no name", element)
    else:
        log.expression(name)
        names[name] += 1
        found.signals[f"{found.target_namespace}:{element.id}"] = (element.id, name)
