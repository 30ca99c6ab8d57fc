"""What a service has answered: the content of the body, or a fault (SOAP 1.1 §4.4, SOAP 1.2 part 1 §5.4)."""

from typing import Any

import msgspec
from lxml import etree

from penstock.base.errors import ConnectorFailed
from penstock.connect.soap.envelope import NAMESPACES, Unreadable, read

_OURS = frozenset({"Client", "Sender", "VersionMismatch", "MustUnderstand"})
"""Codes that say that the request is wrong: another try would be, too."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`code` and `detail` are local names: of the code, and of the first element in the detail."""

    code: str
    subcode: str | None = None
    reason: str | None = None
    detail: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether the same request would fail again."""
        return self.code.partition(".")[0] in _OURS

    @property
    def causes(self) -> tuple[str, ...]:
        """What a model may call it, the closest first."""
        names = (self.detail, self.subcode, self.code, self.code.partition(".")[0], "fault")
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def shown(self) -> dict[str, Any]:
        """For output parameters."""
        return {"code": self.code, "subcode": self.subcode, "reason": self.reason, "detail": self.detail}


def read_answer(text: str) -> tuple[str | None, Fault | None]:
    """The XML inside the body (None: it is empty) and the fault. Raises ConnectorFailed for what is no envelope."""
    try:
        root = read(text)
    except Unreadable as error:
        raise ConnectorFailed(f"The answer of the SOAP service {error}") from None
    for uri in NAMESPACES.values():
        if root.tag == f"{{{uri}}}Envelope":
            body = root.find(f"{{{uri}}}Body")
            inside = list(body) if body is not None else []
            fault = next((node for node in inside if node.tag == f"{{{uri}}}Fault"), None)
            if fault is not None:
                return _written(fault), _fault(fault, uri)
            return (_written(inside[0]) if inside else None), None
    raise ConnectorFailed("The answer of the SOAP service is no SOAP envelope")


def _written(element: Any) -> str:
    return etree.tostring(element, encoding="unicode", with_tail=False)


def _fault(element: Any, uri: str) -> Fault:
    if uri == NAMESPACES["1.1"]:
        return Fault(
            code=_local(element.findtext("faultcode")) or "Server",
            reason=_text(element.findtext("faultstring")),
            detail=_inside(element.find("detail")),
        )
    return Fault(
        code=_local(element.findtext(f"{{{uri}}}Code/{{{uri}}}Value")) or "Receiver",
        subcode=_local(element.findtext(f"{{{uri}}}Code/{{{uri}}}Subcode/{{{uri}}}Value")),
        reason=_text(element.findtext(f"{{{uri}}}Reason/{{{uri}}}Text")),
        detail=_inside(element.find(f"{{{uri}}}Detail")),
    )


def _inside(detail: Any) -> str | None:
    return None if detail is None or not len(detail) else str(etree.QName(detail[0]).localname)


def _local(name: str | None) -> str | None:
    return None if name is None or not name.strip() else name.strip().rpartition(":")[2][:200]


def _text(text: str | None) -> str | None:
    return None if text is None else text.strip()[:4_000]
