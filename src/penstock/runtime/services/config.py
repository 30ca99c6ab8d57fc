"""The sections `[[service]]` of `penstock.toml`: who owns what on this server, and how much of it each may take."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from penstock.base.errors import BadRequest
from penstock.base.toml import read_toml

SECTION = "service"

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")
_KEY = re.compile(r"[^\s*?\[\]]*(\*[^\s*?\[\]]*)*\Z")


class BadServices(BadRequest):
    """The configuration of services makes no sense; the message says what, where, what to do."""


class Service(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[service]]`: one of those that share the engine.

    `definitions`: keys of processes and decisions, `*` stands for any characters. `topics`: of external tasks. `deployers`:
    users who alone may deploy and delete these definitions; none: everybody. Limits (None: none): `starts_per_second` of
    process instances; `max_running_instances`, above which nothing is started; `max_open_tasks`, the external tasks of
    `topics` above which nothing is started; `max_variable_bytes` of one variable.
    """

    name: str
    definitions: tuple[str, ...]
    topics: tuple[str, ...] = ()
    deployers: tuple[str, ...] = ()
    starts_per_second: float | None = None
    max_running_instances: int | None = None
    max_open_tasks: int | None = None
    max_variable_bytes: int | None = None


LIMITS = ("starts_per_second", "max_running_instances", "max_open_tasks", "max_variable_bytes")


def read(path: Path) -> tuple[Service, ...]:
    """Reads the sections. Raises BadServices."""
    if not path.exists():
        raise BadServices(f"there is no {path}: services are configured there")
    return read_services(read_toml(path, BadServices), str(path))


def read_services(content: Mapping[str, Any], file: str) -> tuple[Service, ...]:
    """What parsed TOML says of services. Raises BadServices."""
    written = content.get(SECTION, [])
    if not isinstance(written, list):
        raise BadServices(f"{file}: services are written as [[service]], with two brackets each")
    found = tuple(_service(value, f"{file}: [[service]] number {number}") for number, value in enumerate(written, 1))
    _check_together(found, file)
    return found


def _service(value: Any, where: str) -> Service:
    try:
        found = msgspec.convert(value, Service)
    except msgspec.ValidationError as error:
        known = ", ".join(Service.__struct_fields__)
        raise BadServices(f"{where}: {error}; there are: {known}") from None
    where = f"{where} ({found.name!r})"
    if not _NAME.match(found.name):
        raise BadServices(f"{where}: names have letters, digits and . _ -, at most 100")
    if not found.definitions:
        raise BadServices(
            f'{where}: definitions is empty: name the keys of its processes, such as "payment" or "refund-*"'
        )
    for key in found.definitions:
        if not key or not _KEY.match(key):
            raise BadServices(f"{where}: definitions has {key!r}: write a key, or a part of one with * for the others")
    for limit in LIMITS:
        if (number := getattr(found, limit)) is not None and number <= 0:
            raise BadServices(f"{where}: {limit} is {number}, but must be more than 0; leave it out for no limit")
    if found.max_open_tasks is not None and not found.topics:
        raise BadServices(f"{where}: max_open_tasks counts the tasks of topics, but there are none: name them")
    return found


def _check_together(services: Sequence[Service], file: str) -> None:
    owners: dict[tuple[str, str], str] = {}
    for service in services:
        claims = [("service", service.name)]
        claims += [("definition", key) for key in service.definitions] + [("topic", topic) for topic in service.topics]
        for claim in claims:
            if claim in owners:
                what, name = claim
                raise BadServices(
                    f"{file}: there is a second service {name!r}: give it another name"
                    if what == "service"
                    else f"{file}: the {what} {name!r} is of {owners[claim]!r} and of {service.name!r}: name it once"
                )
            owners[claim] = service.name


class Ownership:
    """Which service a definition belongs to: the one that names its key exactly, else the first whose pattern fits."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._exact = {key: service for service in services for key in service.definitions if "*" not in key}
        self._patterns = [(_pattern(key), service) for service in services for key in service.definitions if "*" in key]

    def of(self, key: str) -> Service | None:
        """The owner of the definitions with this key."""
        found = self._exact.get(key)
        if found is not None:
            return found
        return next((service for pattern, service in self._patterns if pattern.match(key)), None)


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, key.split("*"))) + r"\Z", re.DOTALL)
