"""A call over a named connection: its URL lies below that of the connection, and carries what the connection adds."""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from penstock.base.errors import ConnectorRefused
from penstock.connect.connections import HttpConnection
from penstock.connect.http.request import target_of
from penstock.connect.inputs import mapping_of, text_of

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def bound(inputs: Mapping[str, Any], connection: HttpConnection) -> dict[str, Any]:
    """The inputs with the whole URL and all headers. Raises ConnectorRefused for a URL that is not the connection's."""
    own = secret_headers(connection)
    names = {name.lower() for name in own}
    headers = {
        name: value for name, value in mapping_of("headers", inputs.get("headers")).items() if name.lower() not in names
    }
    return {**inputs, "url": url_below(connection, text_of("url", inputs.get("url")) or ""), "headers": headers | own}


def secret_headers(connection: HttpConnection) -> dict[str, str]:
    """What the connection adds to every request."""
    headers = dict(connection.headers)
    if connection.user is not None and connection.ws_security is None:
        pair = f"{connection.user}:{connection.password or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def url_below(connection: HttpConnection, url: str) -> str:
    """`url`, a path from the connection's URL on, as a whole URL. Raises ConnectorRefused."""
    base, url = connection.url.rstrip("/"), url.strip()
    if url.startswith("//") or "\\" in url or _ABSOLUTE.match(url):
        if not _is_below(url, base):
            raise ConnectorRefused(
                f"The URL is not one of the connection '{connection.name}': write a path from its url on"
            )
        whole = url
    elif not url or url.startswith("?"):
        whole = connection.url + url
    else:
        whole = f"{base}/{url.removeprefix('/')}"
    target = target_of(whole)
    if any(
        unquote(segment) in (".", "..") for segment in re.split(r"[/\\]|%2[fF]|%5[cC]", target.path.partition("?")[0])
    ):
        raise ConnectorRefused(
            f"The URL of a call over the connection '{connection.name}' must not have . or .. in its path"
        )
    return whole


def _is_below(url: str, base: str) -> bool:
    if "\\" in url or not _ABSOLUTE.match(url):
        return False
    target, above = target_of(url), target_of(base)
    path = target.path.partition("?")[0]
    return target.origin == above.origin and (path + "/").startswith(above.path.rstrip("/") + "/")
