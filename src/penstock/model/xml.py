"""XML read with care: no DOCTYPE, no entities, no network, bounded size, depth and attributes.

What comes out is a plain tree of `Element`s whose names carry a short prefix per known namespace. Lines come with the
tree; columns are found only when a finding needs one.
"""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

BYTES_MAX = 20_000_000
"""A diagram of 10,000 nodes takes about 10 MB."""
ELEMENTS_MAX = 200_000
DEPTH_MAX = 100
ATTRIBUTES_MAX = 1_000
ATTRIBUTE_CHARS_MAX = 1_000_000

BPMN_NS = "http://www.omg.org/spec/BPMN/20100524/MODEL"
XSI_NS = "http://www.w3.org/2001/XMLSchema-instance"
CAMUNDA_NS = "http://camunda.org/schema/1.0/bpmn"
ACTIVITI_NS = "http://activiti.org/bpmn"
FOX_NS = "http://www.camunda.com/fox"

PREFIXES = {
    BPMN_NS: "",
    "http://www.omg.org/spec/BPMN/20100524/DI": "bpmndi:",
    "http://www.omg.org/spec/DD/20100524/DI": "di:",
    "http://www.omg.org/spec/DD/20100524/DC": "dc:",
}
NAMESPACES = {prefix: uri for uri, prefix in PREFIXES.items()}


class XmlRefused(Exception):
    """The bytes are no well-formed XML, or break a bound. `line` and `column` start at 1; 0 is unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


AT_THE_END = -1
"""Index of the element that stands for the end of the document."""


class Element:
    """One element.

    `key` is the local name for BPMN, `bpmndi:Name`, `di:name`, `dc:Name` for diagrams, `{uri}name` for all else.
    `attributes` holds those without a namespace, `qualified` those with one by `{uri}name`. `text` is the character
    data directly inside, between children too. `index` counts elements in document order.
    """

    __slots__ = ("attributes", "children", "index", "key", "line", "name", "namespaces", "qualified", "text", "uri")

    def __init__(self, uri: str, name: str, line: int, index: int, text: str, namespaces: Any) -> None:
        self.uri = uri
        self.name = name
        prefix = PREFIXES.get(uri)
        self.key = prefix + name if prefix is not None else f"{{{uri}}}{name}"
        self.line = line
        self.index = index
        self.text = text
        self.namespaces = namespaces
        self.attributes: dict[str, str] = {}
        self.qualified: dict[str, str] = {}
        self.children: list[Element] = []

    @property
    def id(self) -> str | None:
        return self.attributes.get("id")

    def get(self, name: str) -> str | None:
        """The attribute without a namespace."""
        return self.attributes.get(name)

    def all(self, name: str) -> list["Element"]:
        """The children with this local name, whatever their namespace (as Camunda reads them)."""
        return [child for child in self.children if child.name == name]

    def walk(self) -> Iterator["Element"]:
        """This element and all below, in document order."""
        stack = [self]
        while stack:
            element = stack.pop()
            yield element
            stack.extend(reversed(element.children))

    def resolve(self, prefix: str | None) -> str | None:
        """The namespace that a prefix means here, or None."""
        found = self.namespaces.nsmap.get(prefix)
        return None if found is None else str(found)

    def end(self) -> "Element":
        """Stands for the place right after this root's end tag (see `Document.position`)."""
        return Element(self.uri, self.name, self.line, AT_THE_END, "", self.namespaces)


class Document:
    """A parsed file: its root, and where each element stands."""

    def __init__(self, data: bytes, root: Element, encoding: str) -> None:
        self.root = root
        self._data = data
        self._encoding = encoding
        self._positions: list[tuple[int, int]] = []
        self._rest: Iterator[tuple[int, int]] | None = None

    def position(self, element: Element) -> tuple[int, int]:
        """Line and column (from 1) right after the element's start tag, as a SAX locator reports them; `AT_THE_END`: right
        after the root's end tag."""
        if element.index == AT_THE_END:
            return _end(self._data.decode(self._encoding, "replace"))
        if self._rest is None:
            self._rest = _positions(self._data.decode(self._encoding, "replace"))
        found = self._positions
        while len(found) <= element.index:
            place = next(self._rest, None)
            if place is None:
                return element.line, 0
            found.append(place)
        return found[element.index]


_MARKUP = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|</[^>]*>|(?P<start><[^!?/](?:[^>\"']|\"[^\"]*\"|'[^']*')*>)", re.DOTALL
)
_PROLOG = re.compile(rb"(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def _positions(text: str) -> Iterator[tuple[int, int]]:
    """Where each start tag ends, in document order."""
    line, line_start, seen = 1, 0, 0
    for match in _MARKUP.finditer(text):
        if match["start"] is None:
            continue
        end = match.end()
        breaks = text.count("\n", seen, end)
        if breaks:
            line += breaks
            line_start = text.rindex("\n", seen, end) + 1
        seen = end
        yield line, end - line_start + 1


def _end(text: str) -> tuple[int, int]:
    """Where the last tag ends."""
    end = 0
    for match in _MARKUP.finditer(text):
        if not match[0].startswith(("<!", "<?")):
            end = match.end()
    return text.count("\n", 0, end) + 1, end - (text.rfind("\n", 0, end) + 1) + 1


def read_xml(data: bytes) -> Document:
    """Parses `data` within the bounds of this module.

    Raises `XmlRefused` for what is not well-formed, has a DOCTYPE, or is too large, deep or wide.
    """
    if len(data) > BYTES_MAX:
        raise XmlRefused(f"The file has {len(data)} bytes; at most {BYTES_MAX} are read.")
    body = data.removeprefix(_BOMS[0])
    prolog = _PROLOG.match(body)
    if prolog is not None and body.startswith(b"<!DOCTYPE", prolog.end()):
        raise _doctype(body.count(b"\n", 0, prolog.end()) + 1)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        source = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise XmlRefused(str(error.msg or "The file is not well-formed XML."), max(line, 0), max(column, 0)) from None
    except (ValueError, LookupError) as error:
        raise XmlRefused(f"The file is not well-formed XML: {error}") from None
    info = source.getroottree().docinfo
    if info.internalDTD is not None or info.doctype:
        raise _doctype(1)
    return Document(data, _convert(source), info.encoding or "utf-8")


def _doctype(line: int) -> XmlRefused:
    return XmlRefused(
        'DOCTYPE is disallowed when the feature "http://apache.org/xml/features/disallow-doctype-decl" set to true.',
        line,
    )


def _convert(source: Any) -> Element:
    root: Element | None = None
    open_elements: list[Element] = []
    texts: list[list[str]] = []
    count = 0
    for event, node in etree.iterwalk(source, events=("start", "end")):
        if event == "end":
            element = open_elements.pop()
            pieces = texts.pop()
            if len(pieces) > 1:
                element.text = "".join(pieces)
            if node.tail and texts:
                texts[-1].append(node.tail)
            continue
        tag = node.tag
        line = node.sourceline or 0
        if not isinstance(tag, str):
            raise XmlRefused("Entity references are not allowed.", line)
        if count >= ELEMENTS_MAX:
            raise XmlRefused(f"The file has more than {ELEMENTS_MAX} elements.", line)
        if len(open_elements) >= DEPTH_MAX:
            raise XmlRefused(f"Elements are nested deeper than {DEPTH_MAX}.", line)
        uri, name = tag[1:].split("}", 1) if tag[0] == "{" else ("", tag)
        element = Element(uri, name, line, count, node.text or "", node)
        count += 1
        _attributes(element, node)
        if open_elements:
            open_elements[-1].children.append(element)
        else:
            root = element
        open_elements.append(element)
        texts.append([element.text])
    if root is None:
        raise XmlRefused("The file has no root element.")
    return root


def _attributes(element: Element, node: Any) -> None:
    items = node.items()
    if len(items) > ATTRIBUTES_MAX:
        raise XmlRefused(
            f'Element "{element.name}" has more than {ATTRIBUTES_MAX} attributes, "{len(items)}".', element.line
        )
    for key, value in items:
        if len(value) > ATTRIBUTE_CHARS_MAX:
            raise XmlRefused(
                f'Attribute "{key}" of element "{element.name}" is longer than {ATTRIBUTE_CHARS_MAX} characters.',
                element.line,
            )
        if key[0] == "{":
            element.qualified[key] = value
        else:
            element.attributes[key] = value
