"""Every model of the examples and of the tutorial: complete, readable, and deployable on Camunda 7 as well."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from penstock.model.advice import needed
from penstock.model.reader import read_bpmn
from penstock.runtime.delegates import plain_name

ROOT = Path(__file__).resolve().parents[2]
MODELS = sorted(
    model
    for folder in ("examples", "docs")
    for model in (ROOT / folder).rglob("*.bpmn")
    if "node_modules" not in model.parts
)
BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
DI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
DC = "{http://www.omg.org/spec/DD/20100524/DC}"
CAMUNDA = "{http://camunda.org/schema/1.0/bpmn}"

model = pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)


def _drawn(root: ElementTree.Element, kind: str) -> set[str | None]:
    return {shape.get("bpmnElement") for shape in root.iter(f"{DI}{kind}")}


def _nodes(root: ElementTree.Element) -> set[str | None]:
    ends = ("Task", "task", "Event", "Gateway", "subProcess", "callActivity", "transaction")
    return {element.get("id") for element in root.iter() if element.tag.startswith(BPMN) and element.tag.endswith(ends)}


@model
def test_it_is_accepted_without_a_warning(model: Path) -> None:
    file, warnings = read_bpmn(model.read_bytes(), model.name)
    # Delegates are what the programs beside a model register.
    programs = "".join(program.read_text() for program in model.parent.glob("*.py"))
    names = (needed(warning.message) for warning in warnings)
    assert all(name is not None and f'.delegate("{plain_name(name)}")' in programs for name in names), warnings
    assert all(process.executable for process in file.processes)


@model
def test_camunda_would_take_it(model: Path) -> None:
    """A Camunda 7.24 refuses processes without a time to live; an external task there needs its topic."""
    root = ElementTree.parse(model).getroot()
    for process in root.iter(f"{BPMN}process"):
        assert process.get("isExecutable") == "true"
        assert process.get(f"{CAMUNDA}historyTimeToLive")
    for element in root.iter():
        assert (element.get(f"{CAMUNDA}type") == "external") == (element.get(f"{CAMUNDA}topic") is not None)


@model
def test_every_element_is_in_the_diagram(model: Path) -> None:
    root = ElementTree.parse(model).getroot()
    flows = {f.get("id") for kind in ("sequenceFlow", "association") for f in root.iter(f"{BPMN}{kind}")}
    assert _drawn(root, "BPMNShape") == _nodes(root)
    assert _drawn(root, "BPMNEdge") == flows


@model
def test_people_can_read_it(model: Path) -> None:
    """What is done, decided or waited for has a name; only the ends of sub-processes need none."""
    root = ElementTree.parse(model).getroot()
    for element in root.iter():
        kind = element.tag.removeprefix(BPMN)
        if kind.lower().endswith("task") or kind in ("subProcess", "callActivity"):
            assert element.get("name"), element.get("id")
        if kind == "exclusiveGateway" and len(element.findall(f"{BPMN}outgoing")) > 1:
            assert element.get("name"), element.get("id")


@model
def test_nothing_lies_on_anything_else(model: Path) -> None:
    """Boxes of activities do not overlap, except a sub-process and what is in it."""
    root = ElementTree.parse(model).getroot()
    parents = {child: parent for parent in root.iter() for child in parent}
    elements = {element.get("id"): element for element in root.iter() if element.get("id")}
    boxes = []
    for shape in root.iter(f"{DI}BPMNShape"):
        element, bounds = elements[shape.get("bpmnElement")], shape.find(f"{DC}Bounds")
        assert bounds is not None
        if not element.tag.endswith("boundaryEvent"):
            x, y, width, height = (float(bounds.get(side, "0")) for side in ("x", "y", "width", "height"))
            boxes.append((element, x, y, x + width, y + height))
    for index, (one, left, top, right, bottom) in enumerate(boxes):
        for other, left2, top2, right2, bottom2 in boxes[index + 1 :]:
            apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
            inside = parents[other] is one or parents[one] is other
            nested = inside or parents.get(parents[other]) is one
            assert apart or nested, f"{one.get('id')} and {other.get('id')} overlap"
