"""Warnings about what is deployed but will not run as it stands: code that lives in a JVM, script languages."""

import re
from collections.abc import Iterator

from penstock.model.findings import Finding, Severity
from penstock.model.graph import Implementation, Listener, Node, Parameter, Process, ScriptSource, Trigger

RUNNING_LANGUAGES = frozenset({"javascript", "ecmascript", "js", "graal.js", "juel", "feel"})

CONNECTORS = frozenset({"file-connector", "http-connector", "mail-connector", "soap-http-connector", "sql-connector"})
"""Connectors that the engine brings along (`penstock.connect`)."""

_EXPRESSION = re.compile(r"[$#]\{([^}]*)\}")
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")
_CALL = re.compile(r"(?<![\w.\])])([A-Za-z_]\w*)\s*\.\s*(\w+)\s*\(")
_OWN_NAMES = frozenset(
    {"execution", "task", "decisionResult", "connector", "externalTask", "caseExecution", "S", "JSON", "XML"}
)
_METHODS = """
    equals substring toString concat length contains startsWith endsWith isEmpty toLowerCase toUpperCase size get trim
    indexOf getSingleResult getFirstResult getSingleEntry getResultList collectEntries intValue longValue doubleValue
    add put remove containsKey keySet values hasVariable getValue prop elements stringValue numberValue boolValue value
"""
_VALUE_METHODS = frozenset(_METHODS.split())


def advise(process: Process) -> Iterator[Finding]:
    """One warning per element and reason."""
    seen: set[tuple[str, str]] = set()
    for owner, line, text in _reasons(process):
        if (owner, text) not in seen:
            seen.add((owner, text))
            yield Finding(
                severity=Severity.WARNING, message=text, line=line, main_element_id=owner, element_ids=(owner,)
            )


def _reasons(process: Process) -> Iterator[tuple[str, int, str]]:
    for text in _listeners(process.listeners):
        yield process.id, process.line, text
    for node in process.nodes.values():
        for text in _node(node):
            yield node.id, node.line, text
    for flow in process.flows.values():
        texts = [*_listeners(flow.listeners)]
        if flow.condition is not None:
            texts += [*_script(flow.condition.script), *_beans(flow.condition.text)]
        for text in texts:
            yield flow.id, flow.line, text


def _node(node: Node) -> Iterator[str]:
    yield from _listeners(node.listeners)
    yield from _script(node.script)
    yield from _implementation(node.implementation)
    for trigger in node.triggers:
        yield from _trigger(trigger)
    for parameter in (*(node.inputs or ()), *(node.outputs or ())):
        yield from _parameter(parameter)
    if node.user_task is not None:
        yield from _listeners(node.user_task.listeners)
    called = node.called
    if called is not None:
        if called.variable_mapping_class is not None:
            yield _register("variableMappingClass", called.variable_mapping_class)
        if called.variable_mapping_delegate_expression is not None:
            yield _register("variableMappingDelegateExpression", called.variable_mapping_delegate_expression)
        if called.case_ref is not None:
            yield f"It calls the case '{called.case_ref}': CMMN cases are not run; reaching it fails."


def _trigger(trigger: Trigger) -> Iterator[str]:
    yield from _implementation(trigger.implementation)
    yield from _script(trigger.condition_script)
    if trigger.condition is not None and trigger.condition_script is None:
        yield from _beans(trigger.condition)


_NEEDS = re.compile(r"It needs '(.+)' \([A-Za-z ]+\): register a Python callable ")


def needed(advice: str) -> str | None:
    """The name under which this advice wants a callable to be registered; None: it is about something else."""
    found = _NEEDS.match(advice)
    return None if found is None else found[1]


def _register(what: str, name: str) -> str:
    return f"It needs '{name}' ({what}): register a Python callable under this name, or reaching it fails."


def _implementation(how: Implementation | None) -> Iterator[str]:
    if how is None:
        return
    if how.class_name is not None:
        yield _register("class", how.class_name)
    if how.delegate_expression is not None:
        yield _register("delegateExpression", how.delegate_expression)
    if how.connector_id is not None and how.connector_id not in CONNECTORS:
        yield _register("connector", how.connector_id)
    yield from _beans(how.expression)
    for parameter in (*how.connector_inputs, *how.connector_outputs):
        yield from _parameter(parameter)


def _listeners(listeners: tuple[Listener, ...]) -> Iterator[str]:
    for listener in listeners:
        if listener.class_name is not None:
            yield _register("class", listener.class_name)
        if listener.delegate_expression is not None:
            yield _register("delegateExpression", listener.delegate_expression)
        yield from _beans(listener.expression)
        yield from _script(listener.script)


def _parameter(parameter: Parameter) -> Iterator[str]:
    yield from _script(parameter.script)
    yield from _beans(parameter.text)
    for inner in (*(parameter.items or ()), *(parameter.entries or ())):
        yield from _parameter(inner)


def _script(script: ScriptSource | None) -> Iterator[str]:
    if script is not None and script.language not in RUNNING_LANGUAGES:
        yield (
            f"Scripts in '{script.language}' are not run: rewrite it in JavaScript or map it to a registered callable, "
            "or reaching it fails."
        )


def _beans(text: str | None) -> Iterator[str]:
    if text is None or "(" not in text:
        return
    for match in _EXPRESSION.finditer(text):
        for root, method in _CALL.findall(_STRING.sub("''", match[1])):
            if root not in _OWN_NAMES and method not in _VALUE_METHODS:
                yield _register("bean method", f"{root}.{method}")
