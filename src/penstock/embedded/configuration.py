"""What an engine is told, and by whom: its arguments, else the environment, else `penstock.toml`, else defaults."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.base.errors import BadRequest
from penstock.embedded.delegates import Delegate
from penstock.embedded.place import Place, Remote
from penstock.worker.http.wire import Auth

if TYPE_CHECKING:
    from penstock.cli.settings import File
    from penstock.runtime.protocol import Settings

STORE = "PENSTOCK_STORE"
PROCESS = "projector_process"
"""A service starts no process of which nobody has said that it may."""


def place_of(
    store: str | None,
    config: str | Path | None,
    settings: Mapping[str, Any],
    delegates: Mapping[str, Delegate],
    name: str | None,
    auth: Auth | None,
    environment: Mapping[str, str],
) -> Place:
    """Where the engine is. Raises BadRequest, ValueError."""
    if _is_server(store):
        return _server(store or "", config, settings, auth)
    file = _file(config)
    found = store or environment.get(STORE) or file.options.get("store")
    if not found:
        raise BadRequest(
            f"the engine has no store: Engine('sqlite:///service.db'), {STORE} in the environment, or store in [server]"
        )
    if _is_server(found):
        return _server(found, config, settings, auth)
    return _local(found, file, _settings(file, settings, environment), delegates, name)


def _local(
    store: str, file: "File", settings: "Settings", delegates: Mapping[str, Delegate], name: str | None
) -> Place:
    from penstock.cli.settings import ServerSettings
    from penstock.embedded.local import Local

    path = None if file.path is None else file.path.resolve()
    return Local(
        ServerSettings(
            host="",
            port=0,
            store=store,
            processes=1,
            log_format="human",
            log_level="info",
            node=settings,
            delegates=file.delegates,
            config=None if path is None else str(path),
            delegates_folder=None if path is None else str(path.parent),
        ),
        delegates,
        name,
    )


def _is_server(store: str | None) -> bool:
    return store is not None and store.startswith(("http://", "https://"))


def _server(url: str, config: str | Path | None, settings: Mapping[str, Any], auth: Auth | None) -> Remote:
    if config is not None or settings:
        raise BadRequest(f"{url} has its own configuration: `config` and `settings` are for an engine in this process")
    return Remote(url, auth)


def _file(config: str | Path | None) -> "File":
    from penstock.cli.settings import BadSettings, File, read_file

    if config is None:
        return File()
    try:
        return read_file(Path(config))
    except BadSettings as error:
        raise BadRequest(str(error)) from None


def _settings(file: "File", settings: Mapping[str, Any], environment: Mapping[str, str]) -> "Settings":
    from penstock.cli.settings import BadSettings, node_settings
    from penstock.runtime.connecting import check_settings
    from penstock.runtime.protocol import Settings

    jobs = not file.options.get("no_jobs", False)
    try:
        found = node_settings(file, environment, execute_jobs=jobs, profile=file.options.get("profile"))
    except BadSettings as error:
        raise BadRequest(str(error)) from None
    unknown = settings.keys() - set(Settings.__struct_fields__)
    if unknown:
        raise BadRequest(
            f"there is no setting {sorted(unknown)[0]!r}; there are {', '.join(sorted(Settings.__struct_fields__))}"
        )
    try:
        chosen = msgspec.convert({**msgspec.to_builtins(found), **settings}, Settings)
        if (
            not any(PROCESS in said for said in (settings, file.node))
            and f"PENSTOCK_{PROCESS.upper()}" not in environment
        ):
            chosen = msgspec.structs.replace(chosen, projector_process=False)
        check_settings(chosen)
    except ValueError as error:
        raise BadRequest(f"settings: {error}") from None
    return chosen
