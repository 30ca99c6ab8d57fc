"""`mail-connector`: one mail over SMTP (RFC 5321), with TLS.

SMTP has no keys that a server would know a repeated mail by. Every attempt has the same Message-ID, by which mailboxes that
care tell them.
"""

import ssl
from collections.abc import Mapping
from typing import Any

import aiosmtplib

from penstock.base.clock import Clock, SystemClock
from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.connections import Connections, MailConnection
from penstock.connect.egress import Resolve, addresses, first, resolve, tls_context
from penstock.connect.errors import status_causes
from penstock.connect.inputs import text_of
from penstock.connect.mail.message import Mail, read

ID = "mail-connector"

STEP_S = 30.0
"""How long one answer of the mail server may take."""


class MailConnector:
    """Sends over the connections that are configured."""

    def __init__(self, connections: Connections, clock: Clock | None = None, resolve: Resolve = resolve) -> None:
        self._connections = connections
        self._clock = clock or SystemClock()
        self._resolve = resolve

    async def call(self, inputs: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        """See `Connector.call`. Outputs: `messageId`, `accepted` (how many recipients) and `refused` (the addresses that
        were not accepted while others were)."""
        name = text_of("connection", inputs.get("connection"))
        connection = self._connections.of(name, MailConnection, ID)
        mail = read(inputs, connection, key, self._clock.now_ms())
        try:
            refused = await self._send(mail, connection)
        except (OSError, ssl.SSLError, aiosmtplib.SMTPException) as error:
            raise _failed(connection, error) from None
        return {"messageId": mail.message_id, "accepted": len(mail.recipients) - len(refused), "refused": refused}

    async def close(self) -> None:
        """See `Connector.close`: a mail has a connection of its own."""

    async def _send(self, mail: Mail, connection: MailConnection) -> list[str]:
        allowed = self._connections.allowed(connection)
        found = await addresses(connection.host, connection.port, allowed, self._resolve)
        context = None if connection.tls == "none" else await tls_context(connection.host, connection.tls_ca)

        async def connect(address: str) -> aiosmtplib.SMTP:
            client = aiosmtplib.SMTP(
                hostname=address,
                port=connection.port,
                local_hostname=connection.hostname,
                timeout=STEP_S,
                use_tls=connection.scheme == "smtps",
                start_tls=connection.scheme == "smtp" and context is not None,
                tls_context=context,
            )
            await client.connect()
            return client

        client = await first(found, connect)
        try:
            if connection.user is not None:
                await client.login(connection.user, connection.password or "")
            responses, _ = await client.sendmail(mail.sender, list(mail.recipients), mail.content)
        except BaseException:
            client.close()
            raise
        await _goodbye(client)
        return sorted(responses)


async def _goodbye(client: aiosmtplib.SMTP) -> None:
    """The mail is sent: what goes wrong now does not count."""
    try:
        await client.quit()
    except (OSError, aiosmtplib.SMTPException):
        client.close()


def _failed(connection: MailConnection, error: Exception) -> ConnectorFailed:
    """Without the server's words: they repeat addresses."""
    where = f"The connection '{connection.name}' ({connection.host}:{connection.port})"
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return ConnectorRefused(f"{where}: the mail server does not accept user and password ({error.code})")
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = sorted({one.code for one in error.recipients})
        causes = ("recipients-refused", *status_causes(codes[0]))
        text = f"{where}: the mail server refuses all recipients ({', '.join(map(str, codes))})"
        return (ConnectorRefused if codes[0] >= 500 else ConnectorFailed)(text, causes=causes)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        kind = ConnectorRefused if error.code >= 500 else ConnectorFailed
        what = "the sender" if isinstance(error, aiosmtplib.SMTPSenderRefused) else "the mail"
        return kind(f"{where}: the mail server refuses {what} ({error.code})", causes=status_causes(error.code))
    if isinstance(error, aiosmtplib.SMTPTimeoutError):
        return ConnectorFailed(f"{where}: the mail server did not answer in time")
    if isinstance(error.__cause__, ssl.SSLCertVerificationError) or isinstance(error, ssl.SSLCertVerificationError):
        return ConnectorRefused(f"{where}: the certificate of the mail server is not trusted (tls_ca names others)")
    if isinstance(error, aiosmtplib.SMTPException) and "STARTTLS" in str(error):
        return ConnectorRefused(f"{where}: the mail server offers no TLS, without which nothing is sent (setting tls)")
    return ConnectorFailed(f"{where}: the mail server cannot be reached: {type(error).__name__}")
