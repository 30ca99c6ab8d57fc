"""Web Services Security: UsernameToken Profile 1.1.1 (OASIS), with the password as text or as digest."""

import base64
import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from penstock.connect.connections import HttpConnection

_BASE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
WSSE = f"{_BASE}-wssecurity-secext-1.0.xsd"
WSU = f"{_BASE}-wssecurity-utility-1.0.xsd"
_PROFILE = f"{_BASE}-username-token-profile-1.0"
_BASE64 = f"{_BASE}-soap-message-security-1.0#Base64Binary"


def add_username_token(root: Any, connection: HttpConnection, now_ms: int) -> None:
    """Puts the connection's user and password into the envelope's header."""
    uri = etree.QName(root).namespace
    header = root.find(f"{{{uri}}}Header")
    if header is None:
        header = etree.Element(f"{{{uri}}}Header")
        root.insert(0, header)
    security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
    security.set(f"{{{uri}}}mustUnderstand", "1")
    token = etree.SubElement(security, f"{{{WSSE}}}UsernameToken")
    nonce, created = secrets.token_bytes(16), _created(now_ms)
    password = connection.password or ""
    digest = connection.ws_security == "digest"
    if digest:
        raw = nonce + created.encode() + password.encode()
        # The profile knows no other hash.
        password = base64.b64encode(hashlib.sha1(raw, usedforsecurity=False).digest()).decode()
    _child(token, WSSE, "Username", connection.user or "")
    _child(token, WSSE, "Password", password, Type=f"{_PROFILE}#Password{'Digest' if digest else 'Text'}")
    _child(token, WSSE, "Nonce", base64.b64encode(nonce).decode(), EncodingType=_BASE64)
    _child(token, WSU, "Created", created)


def _child(parent: Any, uri: str, name: str, text: str, **attributes: str) -> None:
    element = etree.SubElement(parent, f"{{{uri}}}{name}", attrib=attributes)
    element.text = text


def _created(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
