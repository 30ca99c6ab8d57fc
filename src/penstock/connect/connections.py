"""`[connectors.NAME]` of `penstock.toml`: where connectors connect to, and as whom.

Models name connections, never hosts or passwords. What a connection is for is told by how its `url` begins:

| url | for | record |
|---|---|---|
| `http://`, `https://` | `http-connector`, `soap-http-connector` | `HttpConnection` |
| `smtp://`, `smtps://` | `mail-connector` | `MailConnection` |
| `postgresql://`, `sqlite:///` | `sql-connector` | `SqlConnection` |
| `file:///` | `file-connector` | `FileConnection` |
| `sftp://` | `file-connector` | `SftpConnection` |

In every text `${NAME}` stands for an environment variable and `${file:PATH}` for what a file holds.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from penstock.base.errors import BadRequest, ConnectorRefused, PenstockError
from penstock.base.toml import read_toml
from penstock.connect.allowed import Allowed
from penstock.expr import schedule

SECTION = "connectors"

KiB = 1024
MiB = 1024 * KiB

_SECRET = re.compile(r"\$\{(file:)?([^{}]+)\}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")


class BadConnections(BadRequest):
    """The configuration of connectors' connections makes no sense; the message says what, where, what to do."""


class Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all have. Never to be shown but by its name: the rest holds secrets."""

    DEFAULT_PORTS: ClassVar[Mapping[str, int]] = {}
    """By scheme; those that have a host."""

    name: str
    url: str
    """Without user and password, which have fields of their own."""

    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def scheme(self) -> str:
        return self.parts.scheme.lower()

    @property
    def host(self) -> str:
        return (self.parts.hostname or "").lower()

    @property
    def port(self) -> int:
        return self.parts.port or self.DEFAULT_PORTS[self.scheme]

    @property
    def path(self) -> str:
        """Decoded."""
        return unquote(self.parts.path)

    def wrong(self) -> str | None:
        """What makes no sense, if anything does not."""
        return None


class HttpConnection(Connection, frozen=True, kw_only=True):
    """A service. What is called lies below `url`; `headers` go with every call and win over the model's; `user` and
    `password` are sent as basic authentication, or with `ws_security` ("text" or "digest") as UsernameToken of SOAP."""

    DEFAULT_PORTS = {"http": 80, "https": 443}

    headers: dict[str, str] = {}
    ws_security: str | None = None

    def wrong(self) -> str | None:
        if self.ws_security not in (None, "text", "digest"):
            return 'ws_security must be "text" or "digest"'
        if self.ws_security and (self.user is None or self.password is None):
            return "ws_security needs user and password"
        if self.parts.query or self.parts.fragment:
            return "url must not have a ? or #: models say what is asked"
        return None


class MailConnection(Connection, frozen=True, kw_only=True):
    """A mail server. `smtp://` asks for STARTTLS and goes no further without, unless `tls = "none"`; `smtps://` is TLS from
    the start. `sender`: who mail is from where the model does not say it. `senders`, `recipients`: addresses, or `*@domain`,
    that models may use; empty: any."""

    DEFAULT_PORTS = {"smtp": 587, "smtps": 465}

    sender: str | None = None
    senders: list[str] = []
    recipients: list[str] = []
    recipients_max: int = 50
    message_bytes_max: int = 10 * MiB
    tls: str = "required"
    tls_ca: str | None = None
    """A file with the certificates to trust, instead of what the machine trusts."""
    hostname: str = "localhost"
    """How this server names itself to the other (EHLO), and what stands behind the @ of message ids."""

    def wrong(self) -> str | None:
        if self.tls not in ("required", "none"):
            return 'tls must be "required" or "none"'
        if self.tls == "none" and self.scheme == "smtps":
            return 'tls = "none" is for smtp://'
        if self.tls == "none" and self.password is not None:
            return 'a password is not sent without TLS: leave tls = "none" out, or the password'
        if (self.user is None) != (self.password is None):
            return "user and password go together"
        return None


class SqlConnection(Connection, frozen=True, kw_only=True):
    """A database: `postgresql://host:port/database` or `sqlite:////path`. `timeout`: of one statement. `read_only`: whether
    statements may only read."""

    DEFAULT_PORTS = {"postgresql": 5432}

    read_only: bool = False
    rows_max: int = 1_000
    result_bytes_max: int = 1 * MiB
    timeout: str = "PT10S"
    tls: str = "required"
    tls_ca: str | None = None
    timeout_ms: int = 0
    """Made of `timeout`."""

    def wrong(self) -> str | None:
        if self.tls not in ("required", "none"):
            return 'tls must be "required" or "none"'
        if self.rows_max < 1 or self.result_bytes_max < 1:
            return "rows_max and result_bytes_max must be 1 or more"
        if not self.path.strip("/"):
            return "url must end with the name of a database (postgresql) or a file (sqlite:////path)"
        if self.scheme == "postgresql" and self.user is None:
            return "user is missing"
        return None


class _Files(Connection, frozen=True, kw_only=True):
    read_only: bool = False
    file_bytes_max: int = 1 * MiB
    entries_max: int = 1_000


class FileConnection(_Files, frozen=True, kw_only=True):
    """A folder of the machine, `file:///srv/exchange`: nothing outside of it can be reached."""

    def wrong(self) -> str | None:
        if self.user is not None or self.password is not None:
            return "a folder has no user and password"
        if self.host or not self.path.startswith("/") or not self.path.strip("/"):
            return "url must be file:/// and the whole path of a folder"
        return None


class SftpConnection(_Files, frozen=True, kw_only=True):
    """A folder of an SFTP server, `sftp://host:port/folder`. `known_hosts`: a file with the keys that its host may have, as
    OpenSSH writes it; there is no connection to a host that is not in it. `private_key`: a file."""

    DEFAULT_PORTS = {"sftp": 22}

    known_hosts: str
    private_key: str | None = None
    passphrase: str | None = None

    def wrong(self) -> str | None:
        if self.user is None:
            return "user is missing"
        if self.password is None and self.private_key is None:
            return "password or private_key is missing"
        if not self.path.strip("/"):
            return "url must name a folder, such as sftp://host/outbox: models reach nothing outside of it"
        return None


KINDS: Mapping[str, type[Connection]] = {
    "http": HttpConnection,
    "https": HttpConnection,
    "smtp": MailConnection,
    "smtps": MailConnection,
    "postgresql": SqlConnection,
    "sqlite": SqlConnection,
    "file": FileConnection,
    "sftp": SftpConnection,
}

C = TypeVar("C", bound=Connection)


class Connections:
    """Every connection by name."""

    def __init__(self, found: Mapping[str, Connection] | None = None, networks: Sequence[str] = ()) -> None:
        self._found = dict(found or {})
        self._networks = tuple(networks)

    def of(self, name: str | None, kinds: type[C], connector: str) -> C:
        """The connection that a model names. Raises ConnectorRefused."""
        if name is None or not name.strip():
            raise ConnectorRefused(
                f"The input parameter 'connection' of the {connector} is missing: it names a section "
                f"[{SECTION}.NAME] of penstock.toml"
            )
        found = self._found.get(name.strip())
        if found is None:
            raise ConnectorRefused(
                f"There is no connection '{name}', which the {connector} names: write [{SECTION}.{name}] in penstock.toml"
            )
        if not isinstance(found, kinds):
            raise ConnectorRefused(f"The connection '{name}' ({found.scheme}://) is not one for the {connector}")
        return found

    def allowed(self, connection: Connection) -> Allowed:
        """Where this connection may lead: to its own host and port, if that is public or in a network that is listed."""
        host = f"[{connection.host}]" if ":" in connection.host else connection.host
        return Allowed((f"{host}:{connection.port}",), self._networks)

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def within(self, networks: Sequence[str]) -> "Connections":
        """The same, with the networks that names may lie in although they are not public."""
        return Connections(self._found, networks)


def read(path: Path, environment: Mapping[str, str]) -> Connections:
    """Reads the section. Raises BadConnections."""
    return parse(read_toml(path, BadConnections), str(path), environment, path.parent)


def parse(content: Mapping[str, Any], file: str, environment: Mapping[str, str], folder: Path) -> Connections:
    """What the content of `file` says; files of secrets, keys and certificates are looked for from `folder`. Raises
    BadConnections."""
    section = content.get(SECTION, {})
    if not isinstance(section, dict) or not all(isinstance(value, dict) for value in section.values()):
        raise BadConnections(f"{file}: {SECTION} must be a section of sections, such as [{SECTION}.NAME]")
    reader = _Reader(environment, folder)
    return Connections({name: reader.connection(name, value, file) for name, value in section.items()})


class _Reader:
    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder

    def connection(self, name: str, written: Mapping[str, Any], file: str) -> Connection:
        where = f"{file}: [{SECTION}.{name}]"
        if not _NAME.match(name):
            raise BadConnections(f"{where}: names have letters, digits and . _ -, at most 100")
        values = {key: self._filled(value, f"{where}: {key}") for key, value in written.items()}
        kind = _kind(values, where)
        for key in ("tls_ca", "known_hosts", "private_key"):
            if isinstance(values.get(key), str):
                values[key] = str(self._folder / values[key])
        if "name" in values or "timeout_ms" in values:
            raise BadConnections(f"{where}: unknown setting; there are: {_known(kind)}")
        if issubclass(kind, SqlConnection):
            values["timeout_ms"] = _span_ms(values.get("timeout", "PT10S"), where)
        try:
            found = msgspec.convert({"name": name, **values}, kind)
        except msgspec.ValidationError as error:
            raise BadConnections(f"{where}: {error}; there are: {_known(kind)}") from None
        wrong = found.wrong()
        if wrong is not None:
            raise BadConnections(f"{where}: {wrong}")
        return found

    def _filled(self, value: Any, where: str) -> Any:
        if isinstance(value, str):
            return _SECRET.sub(lambda found: self._secret(found, where), value)
        if isinstance(value, dict):
            return {key: self._filled(item, f"{where}.{key}") for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item, where) for item in value]
        return value

    def _secret(self, found: "re.Match[str]", where: str) -> str:
        name = found[2].strip()
        if not found[1]:
            if name not in self._environment:
                raise BadConnections(f"{where} names ${{{name}}}, which the environment does not have: set {name}")
            return self._environment[name]
        try:
            return (self._folder / name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise BadConnections(f"{where}: the secret {name} cannot be read: {why}") from None


def _kind(values: Mapping[str, Any], where: str) -> type[Connection]:
    """Which record it is. A url is never shown: it may have been filled with a secret."""
    url = values.get("url")
    if not isinstance(url, str):
        raise BadConnections(f"{where}: url is missing")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadConnections(f"{where}: url is none: look at its host and port") from None
    kind = KINDS.get(parts.scheme.lower())
    if kind is None:
        known = ", ".join(f"{scheme}://" for scheme in KINDS)
        raise BadConnections(f"{where}: url begins with nothing that there is a connector for: use one of {known}")
    if parts.username is not None or parts.password is not None:
        raise BadConnections(f"{where}: write user and password as settings of their own, not into the url")
    if parts.scheme.lower() in kind.DEFAULT_PORTS:
        host = (parts.hostname or "").lower()
        try:
            Allowed((f"[{host}]" if ":" in host else host,), ())
        except ValueError:
            raise BadConnections(f"{where}: url names no host") from None
        if "*" in host or port == 0:
            raise BadConnections(f"{where}: url names no host and port")
    return kind


def _known(kind: type[Connection]) -> str:
    return ", ".join(name for name in kind.__struct_fields__ if name not in ("name", "timeout_ms"))


def _span_ms(text: Any, where: str) -> int:
    try:
        found = schedule.add(0, schedule.parse_duration(str(text)))
    except PenstockError:
        found = 0
    if found <= 0:
        raise BadConnections(f"{where}: timeout must be a duration that is more than nothing, such as PT10S")
    return found
