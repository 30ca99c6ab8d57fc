"""DMN XML to records. All versions from 1.1 to 1.5 are read by local names; what differs between them is noted."""

from collections.abc import Iterable
from typing import Any

from penstock.dmn import model
from penstock.dmn.boxes import CAMUNDA, boxed_in, child_of, function, tests
from penstock.model.xml import Document, Element, XmlRefused, read_xml

NAMESPACES = {
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd": "1.1",
    "http://www.omg.org/spec/DMN/20151130": "1.1",
    "http://www.omg.org/spec/DMN/20151101/dmn11.xsd": "1.1",
    "http://www.omg.org/spec/DMN/20180521/MODEL/": "1.2",
    "https://www.omg.org/spec/DMN/20191111/MODEL/": "1.3",
    "https://www.omg.org/spec/DMN/20211108/MODEL/": "1.4",
    "https://www.omg.org/spec/DMN/20230324/MODEL/": "1.5",
    "https://www.omg.org/spec/DMN/20240513/MODEL/": "1.6",
}


class DmnRefused(Exception):
    """The file is no DMN model that can be read. `line` and `column` start at 1; 0 is unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def read(data: bytes) -> tuple[model.Definitions, Document]:
    """The records of a file, and the XML they come from. Raises DmnRefused."""
    try:
        document = read_xml(data)
    except XmlRefused as error:
        raise DmnRefused(error.message, error.line, error.column) from None
    root = document.root
    if root.name != "definitions" or root.uri not in NAMESPACES:
        raise DmnRefused(f'the root element is "{root.name}" of "{root.uri}", not "definitions" of DMN', root.line)
    return _definitions(root), document


def _definitions(root: Element) -> model.Definitions:
    nodes: dict[str, model.Node] = {}
    for element in root.children:
        node = _node(element)
        if node is not None:
            nodes[node.id or f"?{len(nodes)}"] = node
    return model.Definitions(
        id=root.id or "",
        line=root.line,
        name=root.get("name") or "",
        namespace=root.get("namespace") or "",
        language=root.get("expressionLanguage") or "",
        imports=tuple(
            model.Import(line=each.line, name=each.get("name") or "", namespace=each.get("namespace") or "")
            for each in root.all("import")
        ),
        items=tuple(_item(each) for each in root.all("itemDefinition")),
        nodes=nodes,
        prefixes={str(prefix): str(uri) for prefix, uri in root.namespaces.nsmap.items() if prefix},
    )


def _item(element: Element) -> model.ItemDefinition:
    callable_ = child_of(element, "functionItem")
    return model.ItemDefinition(
        id=element.id or "",
        line=element.line,
        name=(element.get("name") or "").strip(),
        type_ref=_text(element, "typeRef"),
        is_collection=element.get("isCollection") == "true",
        allowed=tests(element, "allowedValues"),
        constraint=tests(element, "typeConstraint"),
        components=tuple(_item(each) for each in element.all("itemComponent")),
        function=None if callable_ is None else _function_item(callable_),
    )


def _function_item(element: Element) -> model.FunctionItem:
    return model.FunctionItem(
        line=element.line,
        parameters=tuple(
            model.Variable(name=each.get("name") or "", type_ref=each.get("typeRef") or "")
            for each in element.all("parameters")
        ),
        result_ref=element.get("outputTypeRef") or "",
    )


def _text(element: Element, name: str) -> str:
    """The text of a child, or the attribute of this name: DMN 1.1 writes some references as elements."""
    child = child_of(element, name)
    return (child.text if child is not None else element.get(name) or "").strip()


def _node(element: Element) -> model.Node | None:
    if element.name == "inputData":
        return model.InputData(**_common(element))
    if element.name == "decision":
        return _decision(element)
    if element.name == "businessKnowledgeModel":
        return _knowledge(element)
    return _service(element) if element.name == "decisionService" else None


def _common(element: Element) -> dict[str, Any]:
    name = element.get("name") or ""
    variable = child_of(element, "variable")
    return {
        "id": element.id or "",
        "line": element.line,
        "name": name,
        "variable": model.Variable(
            id="" if variable is None else variable.id or "",
            line=element.line,
            name=name if variable is None else variable.get("name") or name,
            type_ref="" if variable is None else variable.get("typeRef") or "",
        ),
    }


def _decision(element: Element) -> model.Decision:
    requirements = element.all("informationRequirement")
    ttl = element.qualified.get(CAMUNDA + "historyTimeToLive")
    return model.Decision(
        **_common(element),
        requires=tuple(_requirement(each) for each in requirements),
        knowledge=_references(element.all("knowledgeRequirement"), "requiredKnowledge"),
        logic=boxed_in(element),
        version_tag=element.qualified.get(CAMUNDA + "versionTag"),
        history_ttl=ttl,
    )


def _knowledge(element: Element) -> model.Knowledge:
    logic = child_of(element, "encapsulatedLogic")
    return model.Knowledge(
        **_common(element),
        function=None if logic is None else function(logic),
        knowledge=_references(element.all("knowledgeRequirement"), "requiredKnowledge"),
    )


def _service(element: Element) -> model.Service:
    return model.Service(
        **_common(element),
        outputs=_references([element], "outputDecision"),
        encapsulated=_references([element], "encapsulatedDecision"),
        input_decisions=_references([element], "inputDecision"),
        input_data=_references([element], "inputData"),
    )


def _requirement(element: Element) -> str:
    """What an information requirement refers to; "" when it refers to nothing."""
    found = _references([element], "requiredInput", "requiredDecision")
    return found[0] if found else ""


def _references(elements: Iterable[Element], *names: str) -> tuple[str, ...]:
    return tuple(child.get("href") or "" for element in elements for child in element.children if child.name in names)
