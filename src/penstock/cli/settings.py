"""Settings of a server: command line, else environment, else `penstock.toml`, else defaults."""

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from penstock.base.toml import read_toml
from penstock.bridge.config import SECTIONS
from penstock.connect.connections import SECTION as CONNECTORS
from penstock.connect.connections import BadConnections, Connections, read
from penstock.runtime.connecting import check_settings
from penstock.runtime.protocol import Settings
from penstock.runtime.services.config import SECTION as SERVICE

DEFAULT_CONFIG = Path("penstock.toml")
"""Read when it is there and no other file is named."""

PROFILES = ("conformance",)

OPTIONS = ("host", "port", "store", "processes", "metrics_port", "no_jobs", "profile", "log_format", "log_level")
"""Options of `penstock up` that the section [server] may hold, as they are spelt there."""

_OF_OPTIONS = ("execute_jobs", "profile")
"""Settings of a node that an option decides."""

NODE_SETTINGS = {field.name: field.type for field in msgspec.structs.fields(Settings) if field.name not in _OF_OPTIONS}
"""The other settings of a node: in [server], or in the environment as PENSTOCK_NAME."""


class BadSettings(Exception):
    """The configuration makes no sense; the message says what, where, and what to do."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """What `penstock.toml` says. `delegates`: name in the models → `module:callable`."""

    path: Path | None = None
    options: Mapping[str, Any] = {}
    node: Mapping[str, Any] = {}
    delegates: Mapping[str, str] = {}


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one server process needs to know. `port` 0: any free one."""

    host: str
    port: int
    store: str
    processes: int
    log_format: str
    log_level: str
    node: Settings
    metrics_port: int | None = None
    """A port of this process alone, besides the one that all share."""
    delegates: Mapping[str, str] = {}
    config: str | None = None
    """The file, which is followed while the server runs: its connections, bridges, topics and services."""
    delegates_folder: str | None = None
    """Where the modules of delegates may lie, beside what is installed."""


def read_file(path: Path | None) -> File:
    """Reads the configuration; without a path, `penstock.toml` here if there is one. Raises BadSettings."""
    if path is None:
        if not DEFAULT_CONFIG.is_file():
            return File()
        path = DEFAULT_CONFIG
    content = read_toml(path, BadSettings)
    _known(content, ("server", "delegates", *SECTIONS, SERVICE, CONNECTORS), path, "")
    server = _table(content, "server", path)
    delegates = _table(content, "delegates", path)
    _known(server, (*OPTIONS, *NODE_SETTINGS), path, "server.")
    for name, target in delegates.items():
        if not isinstance(target, str):
            raise BadSettings(f'{path}: delegates."{name}" must be a text such as "package.module:function"')
    return File(
        path=path,
        options={name: value for name, value in server.items() if name in OPTIONS},
        node={name: value for name, value in server.items() if name in NODE_SETTINGS},
        delegates=delegates,
    )


def node_settings(file: File, environment: Mapping[str, str], *, execute_jobs: bool, profile: str | None) -> Settings:
    """Settings of the node. Raises BadSettings."""
    if profile is not None and profile not in PROFILES:
        raise BadSettings(f"there is no profile {profile!r}: use {', '.join(PROFILES)}")
    values: dict[str, Any] = {}
    for name, kind in NODE_SETTINGS.items():
        variable = f"PENSTOCK_{name.upper()}"
        if variable in environment:
            values[name] = _setting(environment[variable], kind, variable, strict=False)
        elif name in file.node:
            values[name] = _setting(file.node[name], kind, f"{file.path}: server.{name}", strict=True)
    values.setdefault("log_operations_without_user", profile == "conformance")
    found = Settings(execute_jobs=execute_jobs and profile != "conformance", profile=profile, **values)
    try:
        check_settings(found)
    except ValueError as error:
        raise BadSettings(str(error)) from None
    return found


def load_delegates(settings: ServerSettings) -> dict[str, Callable[..., Any]]:
    """Imports what `[delegates]` names. Raises BadSettings."""
    folder = settings.delegates_folder
    if folder is not None and folder not in sys.path:
        sys.path.append(folder)
    found: dict[str, Callable[..., Any]] = {}
    for name, target in settings.delegates.items():
        module, colon, attribute = target.partition(":")
        if not colon or not module or not attribute:
            raise BadSettings(f'delegates."{name}" is {target!r}: write "package.module:function"')
        try:
            value: Any = importlib.import_module(module)
            for part in attribute.split("."):
                value = getattr(value, part)
        except (ImportError, AttributeError) as error:
            raise BadSettings(f'delegates."{name}" = {target!r}: {error}') from None
        if not callable(value):
            raise BadSettings(f'delegates."{name}" = {target!r} is no callable')
        found[name] = value
    return found


def load_connections(settings: ServerSettings) -> Connections:
    """Reads what `[connectors.*]` says; it counts from the next start. Raises BadSettings."""
    if settings.config is None:
        return Connections()
    try:
        return read(Path(settings.config), os.environ)
    except BadConnections as error:
        raise BadSettings(error.message) from None


def without_password(url: str) -> str:
    """A store's address as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:***@{place}").geturl()


def _known(found: Mapping[str, Any], names: tuple[str, ...], path: Path, prefix: str) -> None:
    unknown = [name for name in found if name not in names]
    if unknown:
        raise BadSettings(f"{path}: unknown setting {prefix}{unknown[0]}; there are: {', '.join(names)}")


def _table(content: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    found = content.get(name, {})
    if not isinstance(found, dict):
        raise BadSettings(f"{path}: {name} must be a section, [{name}]")
    return found


def _setting(value: Any, kind: Any, where: str, *, strict: bool) -> Any:
    if isinstance(value, str) and value.lower() in ("", "none", "null"):
        value = None
    if isinstance(value, str) and not strict and kind == tuple[str, ...]:
        value = [part.strip() for part in value.split(",")]
    elif value is None and kind == tuple[str, ...]:
        value = []
    try:
        found = msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise BadSettings(f"{where}: {error}") from None
    if isinstance(found, int) and not isinstance(found, bool) and found < 0:
        raise BadSettings(f"{where} is {found}, but cannot be negative")
    return found
