"""Ad-hoc sub-processes (BPMN 2.0.2 §10.3.5): what they say of themselves, and what may be inside.

Our addition: Camunda 7 ignores them. The collection with which one starts is a `camunda:property` named
`activeElementsCollection`, after the attribute of Camunda 8, so that every modeler can write it.
"""

from penstock.model import dialect
from penstock.model.graph import AdHoc
from penstock.model.log import Log, one
from penstock.model.xml import Element

PROPERTY = "activeElementsCollection"

ACTIVITIES = frozenset(
    {
        "task", "manualTask", "userTask", "serviceTask", "sendTask", "receiveTask", "scriptTask", "businessRuleTask",
        "subProcess", "transaction", "adHocSubProcess", "callActivity",
    }
)  # fmt: skip


def read(log: Log, element: Element, properties: tuple[tuple[str, str], ...]) -> AdHoc:
    """Reads what `element` says of itself and checks what is in it."""
    _check(log, element)
    condition = one(element, "completionCondition")
    text = condition.text.strip() if condition is not None else ""
    if condition is not None and not text:
        log.error("completionCondition of an adHocSubProcess must hold an expression", condition, element.id)
    found = [value for name, value in properties if name == PROPERTY]
    if len(found) > 1:
        log.error(f"The property '{PROPERTY}' of an adHocSubProcess may be there once only", element)
    return AdHoc(
        sequential=element.get("ordering") == "Sequential",
        completion_condition=log.expression(text) or None,
        cancel_remaining=dialect.boolean(element.get("cancelRemainingInstances"), True),
        active_elements=log.expression(found[0].strip()) or None if found else None,
    )


def _check(log: Log, element: Element) -> None:
    """The standard forbids start and end events in it and wants an activity; somewhere one must be able to begin."""
    if (element.get("triggeredByEvent") or "").lower() == "true":
        log.error("adHocSubProcess cannot be an event sub-process: put it into one", element)
    for name in ("startEvent", "endEvent"):
        for event in element.all(name):
            log.error(f"adHocSubProcess must not contain a {name}", event, event.id, element.id)
    targets = {flow.get("targetRef") for flow in element.all("sequenceFlow")}
    activities = [child for child in element.children if child.name in ACTIVITIES and not _by_itself(child)]
    if not activities:
        log.error("adHocSubProcess must contain an activity", element)
    elif all(child.id in targets for child in activities):
        log.error(
            "adHocSubProcess must contain an activity without incoming sequence flow: nothing could begin", element
        )


def _by_itself(child: Element) -> bool:
    """Whether the activity is started by an event or for compensation, never by activation."""
    return (child.get("triggeredByEvent") or child.get("isForCompensation") or "").lower() == "true"
