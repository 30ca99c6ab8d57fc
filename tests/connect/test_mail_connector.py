"""`mail-connector` against a real SMTP server, aiosmtpd."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from certificates import certificate, server_context
from places import connections

from penstock.base.clock import VirtualClock
from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.allowed import Address
from penstock.connect.mail.connector import MailConnector
from penstock.expr.values import FileValue

MAIL: dict[str, Any] = {"to": "anna@example.org", "subject": "Order 7", "text": "Thank you."}


class Mailbox:
    """What has arrived. `refuse`: recipient → answer; `answer`: to the mail itself."""

    def __init__(self) -> None:
        self.port = 0
        self.envelopes: list[Envelope] = []
        self.refuse: dict[str, str] = {}
        self.answer = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            self.envelopes.append(envelope)
        return self.answer

    def mail(self) -> EmailMessage:
        content = self.envelopes[-1].original_content
        assert content is not None
        return message_from_bytes(content, policy=default)  # type: ignore[return-value]


def knows_anna(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"anna", b"hunter2"), handled=False)


@asynccontextmanager
async def mailbox(files: Any = None, *, tls: str = "none") -> AsyncIterator[Mailbox]:
    """tls: none, starttls, or smtps."""
    box = Mailbox()
    context = server_context(files) if files is not None else None
    more: dict[str, Any] = {"authenticator": knows_anna, "auth_require_tls": False} if files is not None else {}
    if tls == "starttls":
        more |= {"tls_context": context, "require_starttls": True}
    made = asyncio.get_running_loop().create_server(
        lambda: SMTP(box, hostname="localhost", loop=asyncio.get_running_loop(), **more),
        "127.0.0.1",
        0,
        ssl=context if tls == "smtps" else None,
    )
    server = await made
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mailbox() as found:
        yield found


async def to_loopback(host: str, port: int) -> Sequence[Address]:
    return [ip_address("127.0.0.1")]


async def send(box: Mailbox, section: dict[str, Any] | None = None, **inputs: Any) -> Any:
    made = {"url": f"smtp://127.0.0.1:{box.port}", "tls": "none", "sender": "shop@example.com", **(section or {})}
    if made["tls"] is None:
        del made["tls"]
    found = connections(office=made).within(["127.0.0.0/8"])
    connector = MailConnector(found, VirtualClock(), to_loopback)
    return await connector.call({"connection": "office", **MAIL, **inputs}, key="job-1")


async def test_a_mail(box: Mailbox) -> None:
    answer = await send(
        box, cc="Ben <ben@example.org>; carl@example.org", bcc=["dora@example.org"], replyTo="r@example.com"
    )
    assert answer == {"messageId": "<job-1@localhost>", "accepted": 4, "refused": []}
    (envelope,) = box.envelopes
    assert envelope.mail_from == "shop@example.com"
    assert envelope.rcpt_tos == ["anna@example.org", "ben@example.org", "carl@example.org", "dora@example.org"]
    mail = box.mail()
    assert (mail["To"], mail["Cc"]) == ("anna@example.org", "Ben <ben@example.org>, carl@example.org")
    assert (mail["Subject"], mail["Reply-To"], mail["Message-ID"]) == ("Order 7", "r@example.com", "<job-1@localhost>")
    assert "dora" not in mail.as_string()
    assert mail.get_content().strip() == "Thank you."


async def test_every_attempt_has_the_same_message_id(box: Mailbox) -> None:
    await send(box)
    await send(box)
    assert len({str(message_from_bytes(one.original_content or b"")["Message-ID"]) for one in box.envelopes}) == 1


async def test_text_html_and_attachments(box: Mailbox) -> None:
    attachments = [FileValue(b"%PDF", {"filename": "../Rechnung-ä.pdf", "mimetype": "application/pdf"}), b"raw", "note"]
    await send(box, subject="Grüße", html="<p>Ä</p>", attachments=attachments)
    mail = box.mail()
    assert mail["Subject"] == "Grüße"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None and plain.get_content().strip() == "Thank you."
    assert html is not None and html.get_content().strip() == "<p>Ä</p>"
    found = [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in mail.iter_attachments()
    ]
    assert found == [
        ("Rechnung-ä.pdf", "application/pdf", b"%PDF"),
        ("attachment-2", "application/octet-stream", b"raw"),
        ("attachment-3", "application/octet-stream", b"note"),
    ]
    await send(box, text=None, html="<p>only</p>", attachments={"a.csv": b"1,2"})
    assert [part.get_content_type() for part in box.mail().iter_attachments()] == ["text/csv"]


@pytest.mark.parametrize(
    "inputs",
    [
        {"subject": "Hello\r\nBcc: eve@example.net"},
        {"subject": "a\nb"},
        {"to": "anna@example.org\r\nBcc: eve@example.net"},
        {"to": 'x"\n <anna@example.org>'},
        {"from": "a@example.com\nTo: b@example.com"},
        {"to": "Anna\x00 <anna@example.org>"},
        {"replyTo": "a@example.com\r\nX: y"},
        {"attachments": [FileValue(b"", {"filename": 'a\r\nX: "y'})]},
        {"to": "anna"},
        {"to": "anna@example.org <b@c> d"},
        {"to": None},
        {"from": "a@example.com, b@example.com"},
        {"attachments": [{"a": 1}]},
    ],
)
async def test_what_could_change_the_head_of_a_mail_is_refused(box: Mailbox, inputs: dict[str, Any]) -> None:
    with pytest.raises(ConnectorRefused) as refused:
        await send(box, **inputs)
    assert not box.envelopes
    assert "example" not in refused.value.message


async def test_what_the_file_of_an_attachment_says_it_is_cannot_add_a_header(box: Mailbox) -> None:
    await send(box, attachments=[FileValue(b"x", {"filename": "a.txt", "mimetype": "text/plain\r\nX-Evil: 1"})])
    (part,) = box.mail().iter_attachments()
    assert (part.get_content_type(), part["X-Evil"]) == ("application/octet-stream", None)


async def test_the_bounds_of_a_connection(box: Mailbox) -> None:
    for section, inputs, message in (
        ({"recipients": ["*@example.com"]}, {}, "list 'recipients'"),
        ({"senders": ["shop@example.com"]}, {"from": "boss@example.com"}, "list 'senders'"),
        ({"recipients_max": 1}, {"cc": "b@example.org"}, "more than 1"),
        ({"message_bytes_max": 5_000}, {"text": "x" * 5_000}, "more than 5000 bytes"),
    ):
        with pytest.raises(ConnectorRefused, match=message):
            await send(box, section, **inputs)
    assert not box.envelopes
    await send(box, {"recipients": ["*@example.org"], "senders": ["*@example.com"]})


async def test_refusals_have_causes_and_no_addresses(box: Mailbox) -> None:
    box.refuse["anna@example.org"] = "550 5.1.1 <anna@example.org> unknown"
    with pytest.raises(ConnectorRefused) as refused:
        await send(box)
    assert refused.value.causes == ("recipients-refused", "550", "5xx")
    assert "anna" not in refused.value.message and "'office'" in refused.value.message
    answer = await send(box, cc="ben@example.org")
    assert (answer["accepted"], answer["refused"]) == (1, ["anna@example.org"])
    box.refuse.clear()
    box.answer = "451 4.3.0 try later, anna@example.org"
    with pytest.raises(ConnectorFailed) as failed:
        await send(box)
    assert not isinstance(failed.value, ConnectorRefused)
    assert failed.value.causes == ("451", "4xx")
    assert "anna" not in failed.value.message


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    box = Mailbox()
    box.port = 1
    with pytest.raises(ConnectorFailed, match="cannot be reached") as failed:
        await send(box)
    assert not isinstance(failed.value, ConnectorRefused)


async def test_nothing_is_sent_without_tls_unless_that_is_said(box: Mailbox) -> None:
    with pytest.raises(ConnectorRefused, match="offers no TLS"):
        await send(box, {"tls": None})
    assert not box.envelopes


@pytest.mark.parametrize("tls", ["starttls", "smtps"])
async def test_tls_and_login(tmp_path: Path, tls: str) -> None:
    files = certificate(tmp_path, "mail.example")
    scheme = "smtps" if tls == "smtps" else "smtp"
    async with mailbox(files, tls=tls) as box:
        url = f"{scheme}://mail.example:{box.port}"
        known = {"url": url, "tls": None, "tls_ca": str(files[0]), "user": "anna", "password": "hunter2"}
        assert (await send(box, known))["accepted"] == 1
        with pytest.raises(ConnectorRefused, match="does not accept user and password") as refused:
            await send(box, {**known, "password": "wrong"})
        assert "wrong" not in refused.value.message
        with pytest.raises(ConnectorRefused, match="certificate of the mail server is not trusted"):
            await send(box, {**known, "url": f"{scheme}://other.example:{box.port}"})
        del known["tls_ca"]
        with pytest.raises(ConnectorRefused, match="certificate of the mail server is not trusted"):
            await send(box, known)
        assert len(box.envelopes) == 1


def test_the_context_names_the_host(tmp_path: Path) -> None:
    from penstock.connect.egress import NamedContext

    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = "meant.example"
    made = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="127.0.0.1")
    assert made.server_hostname == "meant.example"
