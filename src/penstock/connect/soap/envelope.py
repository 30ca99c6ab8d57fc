"""Envelopes of SOAP 1.1 and 1.2: built as a tree, so that no value can become markup; read with care."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lxml import etree

from penstock.base.errors import ConnectorRefused
from penstock.connect.inputs import kind_of, mapping_of, text_of
from penstock.expr.values import JsonNode, XmlText

NAMESPACES = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}

DEPTH_MAX = 50

_PLACE = re.compile(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}")
_DOCTYPE = re.compile(r"<!DOCTYPE", re.IGNORECASE)


class Unreadable(Exception):
    """Text that is no XML, or none that is read; the message says why, without what is in it."""


def build(inputs: Mapping[str, Any], version: str) -> Any:
    """The envelope of `operation` (with `namespace`) and `parameters`, or of `body`, an XML template in which `{{name}}`
    stands for a parameter. Raises ConnectorRefused."""
    parameters = mapping_of("parameters", inputs.get("parameters"))
    uri = NAMESPACES[version]
    root = etree.Element(f"{{{uri}}}Envelope", nsmap={"soap": uri})
    etree.SubElement(root, f"{{{uri}}}Header")
    body = etree.SubElement(root, f"{{{uri}}}Body")
    template = text_of("body", inputs.get("body"))
    operation = text_of("operation", inputs.get("operation"))
    if (template is None) == (operation is None):
        raise ConnectorRefused(
            "The soap-http-connector needs one of the input parameters 'payload' (a whole envelope), 'operation' and 'body'"
        )
    if template is not None:
        body.append(_filled(parse(template, "body"), parameters))
    else:
        namespace = text_of("namespace", inputs.get("namespace"))
        _add(body, str(operation), parameters, namespace, 0)
    return root


def parse(text: str, name: str) -> Any:
    """The root element of the XML in the input parameter `name`. Raises ConnectorRefused."""
    try:
        return read(text)
    except Unreadable as error:
        raise ConnectorRefused(f"The input parameter '{name}' {error}") from None


def read(text: str) -> Any:
    """The root element: no DOCTYPE, no entities but XML's own, nothing fetched. Raises Unreadable."""
    if _DOCTYPE.search(text):
        raise Unreadable("has a DOCTYPE, which is not read")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text).encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Unreadable("is no well-formed XML") from None
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype or any(not isinstance(node.tag, str) for node in root.iter()):
        raise Unreadable("has a DOCTYPE or entities, which are not read")
    return root


def version(root: Any) -> str:
    """Of the SOAP that an envelope is. Raises ConnectorRefused."""
    for found, uri in NAMESPACES.items():
        if root.tag == f"{{{uri}}}Envelope":
            return found
    raise ConnectorRefused("The input parameter 'payload' is no SOAP envelope")


def written(root: Any) -> bytes:
    """The envelope as it is sent."""
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def text_value(value: Any, name: str) -> str:
    """A value as XML Schema writes it. Raises ConnectorRefused."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, XmlText):
        raise ConnectorRefused(f"The parameter '{name}' is XML, which stands for text here")
    text = text_of(name, value)
    return text or ""


def _filled(element: Any, parameters: Mapping[str, Any]) -> Any:
    def put(text: str | None) -> str | None:
        return None if text is None else _PLACE.sub(value_of, text)

    def value_of(found: "re.Match[str]") -> str:
        if found[1] not in parameters:
            raise ConnectorRefused(
                f"The input parameter 'body' names {{{{{found[1]}}}}}, which 'parameters' does not have"
            )
        return text_value(parameters[found[1]], found[1])

    for node in element.iter():
        try:
            node.text, node.tail = put(node.text), put(node.tail)
            for attribute, text in node.items():
                node.set(attribute, put(text) or "")
        except ValueError:
            raise ConnectorRefused("A parameter has a character that XML does not have") from None
    return element


def _add(parent: Any, name: str, value: Any, namespace: str | None, depth: int) -> None:
    """An element `name` with the value: a map is its children, a list is one element for each item, None is none at all."""
    if depth > DEPTH_MAX:
        raise ConnectorRefused(f"The input parameter 'parameters' is nested deeper than {DEPTH_MAX}")
    if isinstance(value, JsonNode):
        value = value.data
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for item in value:
            _add(parent, name, item, namespace, depth + 1)
        return
    if value is None:
        return
    try:
        element = etree.SubElement(parent, f"{{{namespace}}}{name}" if namespace else name)
        if isinstance(value, Mapping):
            for child, item in value.items():
                _add(element, str(child), item, namespace, depth + 1)
        elif isinstance(value, bytes):
            raise ConnectorRefused(f"The parameter '{name}' must be text, number or date, but is {kind_of(value)}")
        else:
            element.text = text_value(value, name)
    except ValueError:
        raise ConnectorRefused(f"The parameter '{name}' has a name or a character that XML does not have") from None
