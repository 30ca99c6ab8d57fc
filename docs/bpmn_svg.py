"""Draws a BPMN model as SVG from the diagram that it carries, readable on a light and on a dark page.

Deterministic: the same model gives the same bytes. It draws what our examples use, and refuses the rest, so that no
picture is silently incomplete.
"""

from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree
from xml.sax.saxutils import escape

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
BPMNDI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
DC = "{http://www.omg.org/spec/DD/20100524/DC}"
DI = "{http://www.omg.org/spec/DD/20100524/DI}"

MARGIN = 20
LINE_HEIGHT = 14
CHARACTER_WIDTH = 6.5

STYLE = """
    .line { fill: none; stroke: #24292f; stroke-width: 1.5; }
    .shape { fill: #ffffff; stroke: #24292f; stroke-width: 1.5; }
    .bold { stroke-width: 3; }
    .solid { fill: #24292f; stroke: none; }
    .dotted { stroke-dasharray: 1 4; stroke-linecap: round; }
    .dashed { stroke-dasharray: 5 3; }
    .thin { stroke-width: 1; }
    .inverse { fill: none; stroke: #ffffff; stroke-width: 1; }
    .area { fill: none; stroke: #24292f; stroke-width: 1.5; }
    .external { fill: #ddf4ff; }
    text { fill: #24292f; font: 12px sans-serif; text-anchor: middle; }
    @media (prefers-color-scheme: dark) {
      .line, .area { stroke: #e6edf3; }
      .inverse { stroke: #161b22; }
      .shape { fill: #161b22; stroke: #e6edf3; }
      .solid { fill: #e6edf3; }
      .external { fill: #0c2d48; }
      text { fill: #e6edf3; }
    }
"""

Box = tuple[float, float, float, float]


def draw(model: bytes) -> str:
    """The picture of the model's first diagram. Raises ValueError for an element that it cannot draw."""
    root = ElementTree.fromstring(model)
    elements = {element.get("id"): element for element in root.iter() if element.get("id")}
    plane = root.find(f"{BPMNDI}BPMNDiagram/{BPMNDI}BPMNPlane")
    if plane is None:
        raise ValueError("the model has no diagram")
    defaults = {element.get("default") for element in root.iter() if element.get("default")}
    edges: list[str] = []
    boxes: list[Box] = []
    for edge in plane.iter(f"{BPMNDI}BPMNEdge"):
        points = [(_number(point, "x"), _number(point, "y")) for point in edge.iter(f"{DI}waypoint")]
        boxes += [(x, y, 0, 0) for x, y in points]
        element = elements[edge.get("bpmnElement")]
        edges += _edge(element, points, _label(edge), element.get("id") in defaults)
    behind: list[str] = []
    before: list[str] = []
    for shape in sorted(plane.iter(f"{BPMNDI}BPMNShape"), key=lambda shape: _depth(elements[shape.get("bpmnElement")])):
        element, box, label = elements[shape.get("bpmnElement")], _bounds(shape), _label(shape)
        assert box is not None
        boxes += [box, *([label] if label else [])]
        if _depth(element) == 0:
            behind += _sub_process(element, box)
        else:
            before += _node(element, box, label)
    parts = [*behind, *edges, *before]
    left = min(x for x, _, _, _ in boxes) - MARGIN
    top = min(y for _, y, _, _ in boxes) - MARGIN
    width = max(x + w for x, _, w, _ in boxes) + MARGIN - left
    height = max(y + h for _, y, _, h in boxes) + MARGIN - top
    body = "\n  ".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:g} {top:g} {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img">\n'
        f"  <title>{escape(_process_name(root))}</title>\n"
        f"  <style>{STYLE}  </style>\n"
        '  <defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto"><path class="solid" d="M0,1 L10,5 L0,9 z"/></marker></defs>\n'
        f"  {body}\n</svg>\n"
    )


def _process_name(root: ElementTree.Element) -> str:
    process = root.find(f"{BPMN}process")
    return "" if process is None else f"{process.get('name') or process.get('id')} process"


def _depth(element: ElementTree.Element) -> int:
    """What lies on what: sub-processes below everything, boundary events on their activity."""
    kind = element.tag.removeprefix(BPMN)
    return 0 if kind in ("subProcess", "transaction") else 2 if kind == "boundaryEvent" else 1


def _number(element: ElementTree.Element, name: str) -> float:
    return float(element.get(name, "0"))


def _bounds(element: ElementTree.Element) -> Box | None:
    bounds = element.find(f"{DC}Bounds")
    if bounds is None:
        return None
    return _number(bounds, "x"), _number(bounds, "y"), _number(bounds, "width"), _number(bounds, "height")


def _label(element: ElementTree.Element) -> Box | None:
    label = element.find(f"{BPMNDI}BPMNLabel")
    return None if label is None else _bounds(label)


def _edge(
    element: ElementTree.Element, points: list[tuple[float, float]], label: Box | None, default: bool
) -> Iterator[str]:
    dotted = element.tag == f"{BPMN}association"
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    yield f'<polyline class="line{" dotted" if dotted else ""}" points="{path}" marker-end="url(#arrow)"/>'
    if label is not None:
        yield from _text(element.get("name", ""), label)
    if default:
        (x0, y0), (x1, y1) = next(pairwise(points))
        along_x, along_y = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
        x, y = x0 + 10 * along_x, y0 + 10 * along_y
        yield f'<path class="line" d="M{x - 5:g},{y - 5:g} L{x + 5:g},{y + 5:g}"/>'


def _sub_process(element: ElementTree.Element, box: Box) -> Iterator[str]:
    x, y, width, height = box
    dotted = " dotted" if element.get("triggeredByEvent") == "true" else ""
    yield f'<rect class="area{dotted}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="10"/>'
    yield from _text(element.get("name", ""), (x, y + 6, width, LINE_HEIGHT))
    yield from _markers(element, box)


def _node(element: ElementTree.Element, box: Box, label: Box | None) -> Iterator[str]:
    kind = element.tag.removeprefix(BPMN)
    if kind.endswith("Event"):
        yield from _event(element, kind, box)
        if label is not None:
            yield from _text(element.get("name", ""), label)
    elif kind.endswith("Gateway"):
        yield from _gateway(kind, box)
        if label is not None:
            yield from _text(element.get("name", ""), label)
    elif kind.lower().endswith("task") or kind == "callActivity":
        yield from _task(element, kind, box)
    else:
        raise ValueError(f"{kind} {element.get('id')!r}: no picture for this element")


def _event(element: ElementTree.Element, kind: str, box: Box) -> Iterator[str]:
    x, y, width, _ = box
    radius = width / 2
    centre_x, centre_y = x + radius, y + radius
    goes_on = "false" in (element.get("cancelActivity"), element.get("isInterrupting"))
    look = f"{' bold' if kind == 'endEvent' else ''}{' dashed' if goes_on else ''}"
    yield f'<circle class="shape{look}" cx="{centre_x:g}" cy="{centre_y:g}" r="{radius:g}"/>'
    if kind in ("boundaryEvent", "intermediateThrowEvent", "intermediateCatchEvent"):
        dashed = " dashed" if goes_on else ""
        yield f'<circle class="line{dashed}" cx="{centre_x:g}" cy="{centre_y:g}" r="{radius - 4:g}"/>'
    triggers = [child.tag.removeprefix(BPMN) for child in element if child.tag.endswith("EventDefinition")]
    for trigger in triggers:
        if trigger not in _TRIGGERS:
            raise ValueError(f"{trigger} of {element.get('id')!r}: no picture for this event")
        throws = kind in ("endEvent", "intermediateThrowEvent")
        yield _mark("solid" if throws else "line", _TRIGGERS[trigger], centre_x, centre_y)
        if throws and trigger == "messageEventDefinition":
            yield _mark("inverse", _ENVELOPE_FLAP, centre_x, centre_y)


# Marks around the origin.
_ENVELOPE = "M-9,-6 L9,-6 L9,6 L-9,6 z"
_ENVELOPE_FLAP = "M-9,-6 L0,1 L9,-6"
_TRIGGERS = {
    "compensateEventDefinition": "M0,-6 L-8,0 L0,6 z M8,-6 L0,0 L8,6 z",
    "errorEventDefinition": "M-8,7 L-3,-6 L2,2 L8,-7 L3,6 L-2,-2 z",
    "escalationEventDefinition": "M0,-9 L7,8 L0,1 L-7,8 z",
    "messageEventDefinition": f"{_ENVELOPE} {_ENVELOPE_FLAP}",
    "signalEventDefinition": "M0,-9 L9,7 L-9,7 z",
    "terminateEventDefinition": "M-10,0 A10,10 0 1 1 10,0 A10,10 0 1 1 -10,0 z",
    "timerEventDefinition": "M-10,0 A10,10 0 1 1 10,0 A10,10 0 1 1 -10,0 z M0,0 L2,-7 M0,0 L5,1",
}
_GATEWAYS = {
    "parallelGateway": "M0,-11 L0,11 M-11,0 L11,0",
    "exclusiveGateway": "M-7,-8 L7,8 M7,-8 L-7,8",
}
_TASKS = {
    "receiveTask": ("line thin", f"{_ENVELOPE} {_ENVELOPE_FLAP}"),
    "scriptTask": ("line thin", "M-7,-5 h14 M-7,0 h14 M-7,5 h14"),
    "sendTask": ("solid", _ENVELOPE),
    "userTask": ("line thin", "M-3.5,-4 A3.5,3.5 0 1 1 3.5,-4 A3.5,3.5 0 1 1 -3.5,-4 z M-8,8 C-8,-1 8,-1 8,8 z"),
}
"""Element → class and mark in the corner. External tasks are known by their colour."""


def _mark(look: str, path: str, x: float, y: float) -> str:
    return f'<path class="{look}" transform="translate({x:g},{y:g})" d="{path}"/>'


def _gateway(kind: str, box: Box) -> Iterator[str]:
    if kind not in _GATEWAYS:
        raise ValueError(f"{kind}: no picture for this gateway")
    x, y, width, height = box
    centre_x, centre_y = x + width / 2, y + height / 2
    corners = f"{centre_x:g},{y:g} {x + width:g},{centre_y:g} {centre_x:g},{y + height:g} {x:g},{centre_y:g}"
    yield f'<polygon class="shape" points="{corners}"/>'
    yield _mark("line bold", _GATEWAYS[kind], centre_x, centre_y)


def _task(element: ElementTree.Element, kind: str, box: Box) -> Iterator[str]:
    x, y, width, height = box
    outside = any(name.endswith("}topic") for name in element.attrib)
    look = f"{' external' if outside else ''}{' bold' if kind == 'callActivity' else ''}"
    yield f'<rect class="shape{look}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="10"/>'
    yield from _text(element.get("name", ""), (x + 6, y, width - 12, height))
    if kind in _TASKS:
        yield _mark(*_TASKS[kind], x + 16, y + 14)
    if kind == "sendTask":
        yield _mark("inverse", _ENVELOPE_FLAP, x + 16, y + 14)
    yield from _markers(element, box)


def _markers(element: ElementTree.Element, box: Box) -> Iterator[str]:
    """At the bottom of an activity: compensation handler, multi-instance, called process."""
    x, y, width, height = box
    loop = element.find(f"{BPMN}multiInstanceLoopCharacteristics")
    found = [
        (element.get("isForCompensation") == "true", _TRIGGERS["compensateEventDefinition"]),
        (loop is not None and loop.get("isSequential") != "true", "M-4,-5 L-4,5 M0,-5 L0,5 M4,-5 L4,5"),
        (loop is not None and loop.get("isSequential") == "true", "M-5,-4 L5,-4 M-5,0 L5,0 M-5,4 L5,4"),
        (element.tag == f"{BPMN}callActivity", "M-7,-7 L7,-7 L7,7 L-7,7 z M-4,0 L4,0 M0,-4 L0,4"),
    ]
    paths = [path for there, path in found if there]
    for number, path in enumerate(paths):
        yield _mark("line", path, x + width / 2 + 20 * (number - (len(paths) - 1) / 2), y + height - 11)


def _text(text: str, box: Box) -> Iterator[str]:
    x, y, width, height = box
    lines = _wrapped(text, max(width, 40))
    first = y + height / 2 - LINE_HEIGHT * (len(lines) - 1) / 2 + 4
    for row, line in enumerate(lines):
        yield f'<text x="{x + width / 2:g}" y="{first + row * LINE_HEIGHT:g}">{escape(line)}</text>'


def _wrapped(text: str, width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and len(joined) * CHARACTER_WIDTH <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines
