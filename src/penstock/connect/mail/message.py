"""A mail of the input parameters (RFC 5322), checked: no header of the model can become two."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from mimetypes import guess_type
from typing import Any

import msgspec

from penstock.base.errors import ConnectorRefused
from penstock.connect.connections import MailConnection
from penstock.connect.inputs import kind_of, mapping_of, several, text_of
from penstock.expr.values import FileValue, JsonNode

ATTACHMENTS_MAX = 50
LINE_CHARS_MAX = 2_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ADDRESS = re.compile(r"[^\s<>\"(),:;@\[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")


class Mail(msgspec.Struct, frozen=True):
    """What is sent, from whom and to whom (the addresses alone)."""

    content: bytes
    sender: str
    recipients: tuple[str, ...]
    message_id: str


def read(inputs: Mapping[str, Any], connection: MailConnection, key: str, now_ms: int) -> Mail:
    """The mail; `key` is in its Message-ID, which every attempt has. Raises ConnectorRefused naming the input."""
    message = EmailMessage(policy=SMTP)
    sender = _one("from", inputs.get("from") or connection.sender)
    to, cc, bcc = (_addresses(name, inputs.get(name)) for name in ("to", "cc", "bcc"))
    recipients = tuple(dict.fromkeys(address.addr_spec for address in (*to, *cc, *bcc)))
    _check(sender, recipients, connection)
    message_id = f"<{re.sub(r'[^A-Za-z0-9-]', '-', key)}@{connection.hostname}>"
    try:
        message["From"] = sender
        for name, found in (("To", to), ("Cc", cc)):
            if found:
                message[name] = found
        reply = _addresses("replyTo", inputs.get("replyTo"))
        if reply:
            message["Reply-To"] = reply
        message["Subject"] = _line("subject", inputs.get("subject"))
        message["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
        message["Message-ID"] = message_id
        message["Auto-Submitted"] = "auto-generated"
        _add_content(message, inputs)
        content = message.as_bytes()
    except (MessageError, ValueError, UnicodeError):
        raise ConnectorRefused("The mail cannot be written: an input has characters that no mail can have") from None
    if len(content) > connection.message_bytes_max:
        raise ConnectorRefused(
            f"The mail has more than {connection.message_bytes_max} bytes (message_bytes_max of the connection "
            f"'{connection.name}')"
        )
    return Mail(content, sender.addr_spec, recipients, message_id)


def _add_content(message: EmailMessage, inputs: Mapping[str, Any]) -> None:
    text, html = text_of("text", inputs.get("text")), text_of("html", inputs.get("html"))
    if html is None:
        message.set_content(text or "")
    elif text is None:
        message.set_content(html, subtype="html")
    else:
        message.set_content(text)
        message.add_alternative(html, subtype="html")
    for name, kind, content in attachments(inputs.get("attachments")):
        main, _, sub = kind.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)


def attachments(found: Any) -> list[tuple[str, str, bytes]]:
    """(file name, media type, content) each, of `attachments`: a File, Bytes or text, a list of such, or a map of them by file
    name. Raises ConnectorRefused."""
    if found is None or found == "":
        return []
    if isinstance(found, JsonNode | Mapping):
        made = [_attachment(value, name) for name, value in mapping_of("attachments", found).items()]
    else:
        items = [found] if isinstance(found, str) else several("attachments", found)
        made = [_attachment(value, f"attachment-{number}") for number, value in enumerate(items, 1)]
    if len(made) > ATTACHMENTS_MAX:
        raise ConnectorRefused(f"{len(made)} attachments are more than {ATTACHMENTS_MAX}")
    return made


def _attachment(value: Any, name: str) -> tuple[str, str, bytes]:
    kind: str | None = None
    if isinstance(value, FileValue):
        name, kind, content = str(value.info.get("filename") or name), value.info.get("mimetype"), value.content
    elif isinstance(value, bytes):
        content = value
    elif isinstance(value, str):
        content = value.encode()
    else:
        raise ConnectorRefused(
            f"The input parameter 'attachments' must have File, Bytes or text variables, but has {kind_of(value)}"
        )
    name = re.split(r"[/\\]", name)[-1]
    if not name or _CONTROL.search(name):
        raise ConnectorRefused(
            "The input parameter 'attachments' has a file name with characters that no mail can have"
        )
    kind = kind or guess_type(name)[0] or "application/octet-stream"
    if _TYPE.fullmatch(kind) is None or kind.lower().startswith(("multipart/", "message/")):
        kind = "application/octet-stream"
    return name, kind, content


def _line(name: str, value: Any) -> str:
    text = text_of(name, value) or ""
    if _CONTROL.search(text):
        raise ConnectorRefused(f"The input parameter '{name}' has a line break or a control character in it")
    if len(text) > LINE_CHARS_MAX:
        raise ConnectorRefused(f"The input parameter '{name}' has more than {LINE_CHARS_MAX} characters")
    return text


def _addresses(name: str, value: Any) -> list[Address]:
    return [_address(name, item) for item in several(name, value)]


def _one(name: str, value: Any) -> Address:
    found = _addresses(name, value)
    if len(found) != 1:
        raise ConnectorRefused(
            f"The input parameter '{name}' must be one address"
            + ("" if found else ": the connection has no sender either")
        )
    return found[0]


def _address(name: str, value: Any) -> Address:
    """`anna@example.com` or `Anna <anna@example.com>`."""
    shown, spec = parseaddr(_line(name, value))
    try:
        local, _, domain = spec.rpartition("@")
        spec = f"{local}@{domain.encode('idna').decode('ascii')}" if local else ""
    except UnicodeError:
        spec = ""
    if _ADDRESS.fullmatch(spec) is None or not spec.isascii():
        raise ConnectorRefused(f"The input parameter '{name}' has something in it that is no mail address")
    try:
        return Address(display_name=shown, addr_spec=spec)
    except (MessageError, ValueError):
        raise ConnectorRefused(f"The input parameter '{name}' has something in it that is no mail address") from None


def _check(sender: Address, recipients: Sequence[str], connection: MailConnection) -> None:
    if not recipients:
        raise ConnectorRefused("The mail has no recipient: set one of the input parameters 'to', 'cc' and 'bcc'")
    if len(recipients) > connection.recipients_max:
        raise ConnectorRefused(
            f"{len(recipients)} recipients are more than {connection.recipients_max} (recipients_max of the connection "
            f"'{connection.name}')"
        )
    if connection.senders and not _listed(sender.addr_spec, connection.senders):
        raise ConnectorRefused(f"The sender is not in the list 'senders' of the connection '{connection.name}'")
    if connection.recipients and not all(_listed(one, connection.recipients) for one in recipients):
        raise ConnectorRefused(f"A recipient is not in the list 'recipients' of the connection '{connection.name}'")


def _listed(address: str, entries: Sequence[str]) -> bool:
    domain = address.lower().rpartition("@")[2]
    return any(
        entry.lower() == address.lower() or (entry.startswith("*@") and entry[2:].lower() == domain)
        for entry in entries
    )
