"""What Camunda demands of diagrams: that shapes and edges are of something that is there."""

from collections.abc import Sequence

from penstock.model.log import Log, Stopped, one
from penstock.model.scopes import ScopeReader
from penstock.model.xml import Element


def check_diagrams(log: Log, root: Element, readers: Sequence[ScopeReader], ids: set[str]) -> None:
    """Checks the references of every diagram; `readers` hold the processes that were read, in order."""
    deployed = {reader.process.id for reader in readers}
    collaboration = one(root, "collaboration")
    pools: set[str | None] = set()
    drawn = {key for reader in readers for key in reader.drafts}
    if collaboration is not None:
        pools = {p.id for p in collaboration.all("participant") if p.get("processRef") in deployed}
    for diagram in root.children:
        if diagram.key != "bpmndi:BPMNDiagram":
            continue
        planes = [child for child in diagram.children if child.key == "bpmndi:BPMNPlane"]
        if len(planes) > 1:
            raise Stopped("Parsing exception: multiple elements with tag name BPMNPlane found")
        for plane in planes:
            _plane(log, plane, readers, pools, drawn, ids)


def _plane(
    log: Log,
    plane: Element,
    readers: Sequence[ScopeReader],
    pools: set[str | None],
    drawn: set[str | None],
    ids: set[str],
) -> None:
    if not plane.get("bpmnElement"):
        log.error("'bpmnElement' attribute is required on BPMNPlane ", plane)
        return
    for shape in plane.children:
        if shape.key == "bpmndi:BPMNShape":
            _shape(log, shape, len(readers), pools, drawn, ids)
    flows = readers[-1].flow_elements if readers else {}
    for edge in plane.children:
        if edge.key == "bpmndi:BPMNEdge":
            _edge(log, edge, flows, ids)


def _shape(
    log: Log, shape: Element, processes: int, pools: set[str | None], drawn: set[str | None], ids: set[str]
) -> None:
    ref = shape.get("bpmnElement")
    if not ref:
        log.error("'bpmnElement' attribute is required on BPMNShape", shape)
        return
    shown = ref in pools or ref in drawn
    if not shown and ref not in ids:
        for _ in range(processes):
            log.error(f"Invalid reference in 'bpmnElement' attribute, activity {ref} not found", shape)
    if shown and not any(child.key == "dc:Bounds" for child in shape.children):
        log.error("'Bounds' element is required", shape)


def _edge(log: Log, edge: Element, flows: dict[str, Element], ids: set[str]) -> None:
    ref = edge.get("bpmnElement")
    if not ref:
        log.error("'bpmnElement' attribute is required on BPMNEdge", edge)
    elif ref in flows:
        if sum(child.key == "di:waypoint" for child in edge.children) < 2:
            log.error("Minimum 2 waypoint elements must be definted for a 'BPMNEdge'", edge)
    elif ref not in ids:
        log.error(f"Invalid reference in 'bpmnElement' attribute, sequenceFlow {ref}not found", edge)
