"""BPMN XML to graph.

One pass over a hardened parse: the structure of the standard's schemas, then every process in the order of Camunda
7.24's parser with its messages, then the frozen graph. What Camunda accepts is accepted, what it refuses is refused.
"""

import re

from penstock.base.errors import ParseFailed
from penstock.model import dialect
from penstock.model.advice import advise
from penstock.model.definitions import Definitions, read_definitions
from penstock.model.diagram_checks import check_diagrams
from penstock.model.dialect import BadScript
from penstock.model.draft import Draft
from penstock.model.findings import Finding, Severity
from penstock.model.graph import BpmnFile, Node, Process
from penstock.model.log import CheckExpression, Log, Stopped, UnreadableResource, parse_failed
from penstock.model.scopes import Links, ScopeReader
from penstock.model.structure import check_structure
from penstock.model.xml import Document, Element, XmlRefused, read_xml

_DAYS = re.compile(r"P(\d+)D")


def read_bpmn(
    data: bytes, resource: str, *, check_expression: CheckExpression | None = None
) -> tuple[BpmnFile, list[Finding]]:
    """Reads one BPMN file: its executable processes, and the warnings about it.

    `resource` is the file's name, for messages. `check_expression` says what is wrong with a text that holds
    expressions, or None; without it expressions are not looked at. Only processes with `isExecutable="true"` come
    out, as in Camunda 7.

    Raises `ParseFailed` with the findings of the resource when the file is refused; its subclass
    `UnreadableResource` where Camunda answers with its general exception (500): bytes that are no XML, an expression
    that cannot be parsed.
    """
    try:
        document = read_xml(data)
    except XmlRefused as refused:
        finding = Finding(severity=Severity.ERROR, message=refused.message, line=refused.line, column=refused.column)
        raise UnreadableResource(
            f"ENGINE-09003 Could not parse '{resource}'. {refused.message}", {resource: (finding,)}
        ) from None
    log = Log(document, check_expression)
    processes: list[Process] = []
    stopped: Stopped | None = None
    try:
        check_structure(document, log.structural)
        processes = _read_processes(log, document)
    except BadScript as bad:
        log.error(bad.message, bad.element)
    except Stopped as stop:
        stopped = stop
    if log.errors:
        raise parse_failed(resource, log.findings)
    if stopped is not None:
        raise _unreadable(resource, log, str(stopped))
    if not processes:
        log.warn(
            'The file has no executable process: nothing of it is deployed. Set isExecutable="true" on a process to '
            "deploy it.",
            document.root,
        )
    for process in processes:
        log.findings.extend(advise(process))
    return BpmnFile(processes=tuple(processes), target_namespace=document.root.get("targetNamespace")), log.findings


def _unreadable(resource: str, log: Log, reason: str) -> ParseFailed:
    findings = [*log.findings, Finding(severity=Severity.ERROR, message=reason)]
    return UnreadableResource(f"ENGINE-01009 Error while parsing process. {reason}.", {resource: tuple(findings)})


def _read_processes(log: Log, document: Document) -> list[Process]:
    root = document.root
    ids = {element.id for element in root.walk() if element.id is not None}
    known = read_definitions(log, root)
    links = Links(ids)
    readers: list[ScopeReader] = []
    for element in root.all("process"):
        if (element.get("isExecutable") or "").lower() == "true":
            readers.append(_read_process(log, element, known, links))
    check_diagrams(log, root, readers, ids)
    if log.errors:
        return []
    return [_assemble(reader) for reader in readers]


def _read_process(log: Log, element: Element, known: Definitions, links: Links) -> ScopeReader:
    draft = Draft(element, None)
    texts = [d.text.strip() for d in element.all("documentation")]
    if element.id is None:
        log.error("A process must have an id: it is the key of its definition.", element)
    draft.fields = {
        "name": element.get("name"),
        "documentation": "\n\n".join(texts) if texts else None,
        "job_priority": dialect.priority(log, element, "jobPriority"),
        "task_priority": dialect.priority(log, element, "taskPriority"),
        "version_tag": dialect.attribute(element, "versionTag"),
        "history_time_to_live": _time_to_live(log, element),
        "startable_in_tasklist": (dialect.attribute(element, "isStartableInTasklist") or "true").lower() == "true",
        "properties": dialect.properties(element),
        "line": element.line,
    }
    reader = ScopeReader(log, known, draft, links)
    reader.scope(draft)
    users, groups = dialect.starters(log, element)
    draft.fields |= {"candidate_starter_users": users, "candidate_starter_groups": groups}
    reader.validate()
    return reader


def _time_to_live(log: Log, element: Element) -> str | None:
    """`camunda:historyTimeToLive`: days, or `P<days>D`."""
    text = dialect.attribute(element, "historyTimeToLive")
    if not text:
        return None
    days = _DAYS.fullmatch(text)
    number = days[1] if days else text
    problem = None
    if re.fullmatch(r"[+-]?[0-9]+", number) is None or not -(2**31) <= int(number) < 2**31:
        problem = f'Cannot parse historyTimeToLive: For input string: "{number}"'
    elif int(number) < 0:
        problem = "Cannot parse historyTimeToLive: negative value is not allowed"
    if problem is not None:
        log.error(f"{problem}: {problem}", element)
    return text


def _assemble(reader: ScopeReader) -> Process:
    drafts = _in_document_order(reader.process)
    incoming: dict[str, list[str]] = {}
    outgoing: dict[str, list[str]] = {}
    flows = dict(sorted(reader.flows.items(), key=lambda item: reader.flow_index[item[0]]))
    for flow in flows.values():
        outgoing.setdefault(flow.source, []).append(flow.id)
        incoming.setdefault(flow.target, []).append(flow.id)
    nodes: dict[str, Node] = {}
    for draft in drafts:
        parent = draft.scope or reader.process
        nodes[draft.key] = Node(
            id=draft.key,
            kind=draft.kind,
            parent=parent.key,
            incoming=tuple(incoming.get(draft.key, ())),
            outgoing=tuple(outgoing.get(draft.key, ())),
            children=_children(draft),
            **draft.fields,
        )
    return Process(
        id=reader.process.key, children=_children(reader.process), nodes=nodes, flows=flows, **reader.process.fields
    )


def _children(draft: Draft) -> tuple[str, ...]:
    return tuple(child.key for child in sorted(draft.children, key=lambda child: child.element.index))


def _in_document_order(process: Draft) -> list[Draft]:
    found: list[Draft] = []
    stack = [process]
    while stack:
        draft = stack.pop()
        found.extend(draft.children)
        stack.extend(draft.children)
    return sorted(found, key=lambda draft: draft.element.index)
