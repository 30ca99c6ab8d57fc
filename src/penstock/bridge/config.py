"""The sections of `penstock.toml` that are about buses: `[connections.*]`, `[[bridge]]`, `[topic.*]`.

Models name topics and messages, never hosts: hosts and secrets stand here, or in the environment as `${NAME}`.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from penstock.base.errors import BadRequest, PenstockError
from penstock.base.toml import read_toml
from penstock.bridge.mapping import Mappings, Term
from penstock.bridge.spans import span_ms
from penstock.bus.protocol import DEFAULT_GROUP, DEFAULT_MAX_UNSETTLED, dead_letter_channel
from penstock.bus.registry import ADAPTERS

SECTIONS = ("connections", "bridge", "topic")

ONCE, AT_LEAST_ONCE = "exactly-once", "at-least-once"

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SCHEME = re.compile(r"[a-z][a-z+]{0,20}\Z")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*\Z")
SECRET_CHARS_MIN = 16
_CHANNEL = re.compile(r"[A-Za-z0-9._-]{1,200}\Z")

S = TypeVar("S", bound=msgspec.Struct)


class BadBridges(BadRequest):
    """The configuration of connections, bridges or topics makes no sense; the message says what, where, what to do."""


class Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[connections.NAME]`: a broker, or an HTTP endpoint. `url`, `headers` and `callback_secret` hold secrets: never to be
    shown. Of an endpoint only: `headers` of each request; `callback`: the address under which it reaches this server, and
    `callback_secret`, with which what it is told to call back is signed."""

    url: str
    headers: dict[str, str] = {}
    callback: str | None = None
    callback_secret: str | None = None

    @property
    def is_endpoint(self) -> bool:
        return self.scheme in ("http", "https")

    @property
    def scheme(self) -> str:
        found = self.url.partition("://")[0]
        return found if _SCHEME.match(found) else ""

    def __repr__(self) -> str:
        return f"Connection({self.scheme}://…)"


class _Bridge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[bridge]]` as it is written."""

    connection: str
    channel: str
    name: str | None = None
    group: str = DEFAULT_GROUP
    event: str | list[str] = []
    start: str | None = None
    message: str | None = None
    tenant: str | None = None
    id: str | None = None
    delivery: str = ONCE
    dedup_window: str = "P7D"
    business_key: str | None = None
    correlation_keys: dict[str, str] = {}
    variables: dict[str, str] = {}
    early: str = "PT1H"
    attempts: int = 5
    dead_letter: str | None = None
    max_unsettled: int = DEFAULT_MAX_UNSETTLED
    lease: str = "PT30S"


class _Topic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[topic."NAME"]` as it is written."""

    connection: str
    request: str | None = None
    reply: str | None = None
    group: str = DEFAULT_GROUP
    timeout: str = "PT30S"
    retries: int = 3
    retry_timeout: str = "PT10S"
    lease: str = "PT30S"
    publish: str | None = None
    event: str | None = None
    data: dict[str, str] = {}


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of one channel that start `start` (a process key) or are correlated as `message`.

    `events`: CloudEvents types; none: every message. `early_ms`: how long a message waits for somebody to wait for it.
    `attempts`: how often one is tried that the engine refuses or fails at. `lease_ms`: how long the broker waits for a
    consumer that gives no sign of life, before others get its messages.
    """

    name: str
    connection: str
    channel: str
    group: str
    events: frozenset[str]
    start: str | None
    message: str | None
    tenant: str | None
    id: Term | None
    exactly_once: bool
    dedup_window_ms: int
    business_key: Term | None
    correlation_keys: Mappings
    variables: Mappings
    early_ms: int
    attempts: int
    dead_letter: str
    max_unsettled: int
    lease_ms: int


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """External tasks of one topic that leave over a bus.

    With `reply` a consumer answers; without, the task is done when the broker has the event. `channel`: where it goes;
    `lease_ms`: as of bridges, for the answers.
    """

    name: str
    connection: str
    channel: str
    reply: str | None
    group: str
    event: str
    data: Mappings
    timeout_ms: int
    retries: int
    retry_timeout_ms: int
    lease_ms: int


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the file says of buses."""

    connections: Mapping[str, Connection] = {}
    bridges: Sequence[Bridge] = ()
    topics: Mapping[str, Topic] = {}


REQUESTED = "penstock.task.requested"
CALLBACK = "(callback)"
"""In place of a channel: the answer comes as a call back."""


def read(path: Path, environment: Mapping[str, str]) -> Config:
    """Reads the sections. Raises BadBridges."""
    return parse(read_toml(path, BadBridges), str(path), environment)


def parse(content: Mapping[str, Any], file: str, environment: Mapping[str, str]) -> Config:
    """What the content of `file` says. Raises BadBridges."""
    connections = {
        name: _connection(value, f"{file}: [connections.{name}]", environment)
        for name, value in _section(content, "connections", file).items()
    }
    written = content.get("bridge", [])
    if not isinstance(written, list):
        raise BadBridges(f"{file}: bridges are written as [[bridge]], with two brackets each")
    bridges = [
        _bridge(value, f"{file}: [[bridge]] number {number}", connections) for number, value in enumerate(written, 1)
    ]
    topics = {
        name: _topic(name, value, f'{file}: [topic."{name}"]', connections)
        for name, value in _section(content, "topic", file).items()
    }
    _check_together(bridges, topics, file)
    return Config(connections=connections, bridges=bridges, topics=topics)


def _section(content: Mapping[str, Any], name: str, file: str) -> Mapping[str, Any]:
    found = content.get(name, {})
    if not isinstance(found, dict):
        raise BadBridges(f"{file}: {name} must be a section of sections, such as [{name}.NAME]")
    return found


def _convert(value: Any, kind: type[S], where: str) -> S:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        known = ", ".join(kind.__struct_fields__)
        raise BadBridges(f"{where}: {error}; there are: {known}") from None


def _connection(value: Any, where: str, environment: Mapping[str, str]) -> Connection:
    found = _convert(value, Connection, where)

    def resolved(text: str, what: str) -> str:
        def of_environment(match: re.Match[str]) -> str:
            name = match[1]
            if name not in environment:
                raise BadBridges(f"{where}: {what} names ${{{name}}}, which the environment does not have: set {name}")
            return environment[name]

        return _REFERENCE.sub(of_environment, text)

    callback, secret = found.callback, found.callback_secret
    made = Connection(
        url=resolved(found.url, "url"),
        headers={name: resolved(value, f"the header {name}") for name, value in found.headers.items()},
        callback=None if callback is None else resolved(callback, "callback"),
        callback_secret=None if secret is None else resolved(secret, "callback_secret"),
    )
    if made.scheme not in ADAPTERS:
        known = ", ".join(f"{scheme}://" for scheme in ADAPTERS)
        raise BadBridges(f"{where}: url begins with {made.scheme}://, which no bus has: use one of {known}")
    _check_endpoint(made, where)
    return made


def _check_endpoint(made: Connection, where: str) -> None:
    if not made.is_endpoint:
        if made.headers or made.callback is not None or made.callback_secret is not None:
            raise BadBridges(f"{where}: headers, callback and callback_secret are for http:// and https://")
        return
    for name, value in made.headers.items():
        if not _HEADER.match(name) or not _HEADER_VALUE.match(value):
            raise BadBridges(f"{where}: the header {name!r} is none, or has characters that no header may have")
    if made.callback is None:
        if made.callback_secret is not None:
            raise BadBridges(f"{where}: callback_secret needs callback, the address of this server")
        return
    if not made.callback.startswith(("http://", "https://")):
        raise BadBridges(f"{where}: callback is no address of a server such as https://penstock.example.com")
    if len(made.callback_secret or "") < SECRET_CHARS_MIN:
        raise BadBridges(f"{where}: callback needs a callback_secret of {SECRET_CHARS_MIN} characters or more")


def _known(name: str, where: str, connections: Mapping[str, Connection]) -> None:
    if name not in connections:
        known = ", ".join(connections) or "none"
        raise BadBridges(
            f"{where}: there is no connection {name!r}: write [connections.{name}], or use one of: {known}"
        )


def _channel(text: str, what: str, where: str) -> str:
    if not _CHANNEL.match(text):
        raise BadBridges(f"{where}: {what} is {text!r}: channels have letters, digits and . _ -, at most 200")
    return text


def _bridge(value: Any, where: str, connections: Mapping[str, Connection]) -> Bridge:
    written = _convert(value, _Bridge, where)
    where = f"{where} (channel {written.channel!r})"
    _known(written.connection, where, connections)
    if connections[written.connection].is_endpoint:
        raise BadBridges(f"{where}: {written.connection!r} is an HTTP endpoint, from which nothing can be read")
    if (written.start is None) == (written.message is None):
        raise BadBridges(f'{where}: say one of start = "process key" and message = "message name"')
    if written.start is not None and written.correlation_keys:
        raise BadBridges(f"{where}: correlation_keys are for a bridge with message; a start takes variables")
    if written.delivery not in (ONCE, AT_LEAST_ONCE):
        raise BadBridges(f'{where}: delivery is {written.delivery!r}: use "{ONCE}" or "{AT_LEAST_ONCE}"')
    if written.attempts < 1 or written.max_unsettled < 1:
        raise BadBridges(f"{where}: attempts and max_unsettled must be 1 or more")
    dedup_window_ms = _span(written.dedup_window, "dedup_window", where)
    if written.delivery == ONCE and not dedup_window_ms:
        raise BadBridges(
            f'{where}: dedup_window is {written.dedup_window!r}: say delivery = "{AT_LEAST_ONCE}" for that'
        )
    events = [written.event] if isinstance(written.event, str) else written.event
    target = written.start or written.message or ""
    channel = _channel(written.channel, "channel", where)
    dead_letter = _channel(written.dead_letter or dead_letter_channel(channel), "dead_letter", where)
    if dead_letter == channel:
        raise BadBridges(f"{where}: dead_letter is the channel itself: what cannot be taken would come for ever")
    return Bridge(
        name=written.name or ".".join((written.connection, channel, written.group, *sorted(events), target)),
        connection=written.connection,
        channel=channel,
        group=_channel(written.group, "group", where),
        events=frozenset(events),
        start=written.start,
        message=written.message,
        tenant=written.tenant,
        id=_term(written.id, "id", where),
        exactly_once=written.delivery == ONCE,
        dedup_window_ms=dedup_window_ms,
        business_key=_term(written.business_key, "business_key", where),
        correlation_keys=_terms(written.correlation_keys, "correlation_keys", where),
        variables=_terms(written.variables, "variables", where),
        early_ms=_span(written.early, "early", where),
        attempts=written.attempts,
        dead_letter=dead_letter,
        max_unsettled=written.max_unsettled,
        lease_ms=_some_span(written.lease, "lease", where),
    )


def _topic(name: str, value: Any, where: str, connections: Mapping[str, Connection]) -> Topic:
    written = _convert(value, _Topic, where)
    _known(written.connection, where, connections)
    if (written.request is None) == (written.publish is None):
        raise BadBridges(f'{where}: say one of request = "channel" (with reply) and publish = "channel" (with event)')
    if connections[written.connection].is_endpoint:
        written = _called_back(written, connections[written.connection], where)
    elif written.request is not None and (written.reply is None or written.event is not None or written.data):
        raise BadBridges(f'{where}: a request needs reply = "channel", and has neither event nor data')
    if written.reply is not None and written.reply == written.request:
        raise BadBridges(f"{where}: request and reply are one channel: requests would come back as answers")
    if written.publish is not None and (written.event is None or written.reply is not None):
        raise BadBridges(f'{where}: publish needs event = "type of the event", and has no reply')
    if written.retries < 0:
        raise BadBridges(f"{where}: retries is {written.retries}, but cannot be negative")
    return Topic(
        name=name,
        connection=written.connection,
        channel=_channel(written.request or written.publish or "", "request" if written.request else "publish", where),
        reply=written.reply if written.reply in (None, CALLBACK) else _channel(written.reply, "reply", where),
        group=_channel(written.group, "group", where),
        event=written.event or REQUESTED,
        data=_terms(written.data, "data", where),
        timeout_ms=_some_span(written.timeout, "timeout", where),
        retries=written.retries,
        retry_timeout_ms=_span(written.retry_timeout, "retry_timeout", where),
        lease_ms=_some_span(written.lease, "lease", where),
    )


def _called_back(written: _Topic, connection: Connection, where: str) -> _Topic:
    """A request to an endpoint, which calls back: CALLBACK stands for the channel of replies."""
    if written.request is None:
        return written
    if written.reply is not None or written.event is not None:
        raise BadBridges(f"{where}: a request to an HTTP endpoint has neither reply (it calls back) nor event")
    if connection.callback is None:
        raise BadBridges(
            f"{where}: the endpoint has to call back: give [connections.{written.connection}] a callback and a "
            "callback_secret"
        )
    return msgspec.structs.replace(written, reply=CALLBACK)


def _span(text: str, what: str, where: str) -> int:
    try:
        return span_ms(text)
    except PenstockError as error:
        raise BadBridges(
            f"{where}: {what} is {text!r}: {error.message} Write a duration such as PT30S or P7D."
        ) from None


def _some_span(text: str, what: str, where: str) -> int:
    found = _span(text, what, where)
    if not found:
        raise BadBridges(f"{where}: {what} is {text!r}: give a duration that is more than nothing, such as PT30S")
    return found


def _term(text: str | None, what: str, where: str) -> Term | None:
    if text is None:
        return None
    try:
        return Term(text)
    except ValueError as error:
        raise BadBridges(f"{where}: {what} is no FEEL: {error}") from None


def _terms(texts: Mapping[str, str], what: str, where: str) -> Mappings:
    found: dict[str, Term] = {}
    for name, text in texts.items():
        term = _term(text, f"{what}.{name}", where)
        assert term is not None
        found[name] = term
    return Mappings(found)


def _check_together(bridges: Sequence[Bridge], topics: Mapping[str, Topic], file: str) -> None:
    names: set[str] = set()
    readers: dict[tuple[str, str, str], Bridge] = {}
    for bridge in bridges:
        if bridge.name in names:
            raise BadBridges(f"{file}: two bridges are named {bridge.name!r}: give one of them another name")
        names.add(bridge.name)
        first = readers.setdefault((bridge.connection, bridge.channel, bridge.group), bridge)
        if first.dead_letter != bridge.dead_letter:
            raise BadBridges(
                f"{file}: bridges {first.name!r} and {bridge.name!r} read one channel in one group and must have one "
                "dead_letter"
            )
    for topic in topics.values():
        if topic.reply is not None and (topic.connection, topic.reply, topic.group) in readers:
            raise BadBridges(
                f'{file}: [topic."{topic.name}"] takes its replies from {topic.reply!r}, which a bridge reads in the same '
                "group: give one of them another group"
            )
