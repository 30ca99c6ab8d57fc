"""Ways to say who a client is."""

import base64
from collections.abc import Callable, Mapping


class Basic:
    """HTTP basic authentication (RFC 7617)."""

    def __init__(self, user: str, password: str) -> None:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"authorization": f"Basic {token}"}

    def headers(self) -> Mapping[str, str]:
        return self._headers


class Bearer:
    """A bearer token (RFC 6750). A function is asked for each request: it keeps the token and renews it in time."""

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._token = token

    def headers(self) -> Mapping[str, str]:
        token = self._token if isinstance(self._token, str) else self._token()
        return {"authorization": f"Bearer {token}"}


class Headers:
    """Fixed headers, such as an API key."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def headers(self) -> Mapping[str, str]:
        return self._headers
