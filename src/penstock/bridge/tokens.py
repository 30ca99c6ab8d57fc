"""What proves that somebody was asked to call back: the task and the attempt, signed with the connection's
`callback_secret`. Nothing about it has to be kept: any node knows it again.
"""

import hmac

from penstock.base.errors import NotFound
from penstock.bridge.config import Connection

_SIGNATURE_CHARS = 32


def callback_url(name: str, connection: Connection, task: str, request: str) -> str:
    """Where the attempt `request` of the task is reported. `name`: of the connection, which has a callback."""
    token = f"{task}.{request}.{_signature(name, connection, task, request)}"
    return f"{(connection.callback or '').rstrip('/')}/penstock/v1/callbacks/{name}/{token}"


def opened(token: str, name: str, connection: Connection) -> tuple[str, str]:
    """(task, request). Raises NotFound for a token that was never given."""
    task, _, rest = token.partition(".")
    request, _, signature = rest.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(name, connection, task, request).encode()):
        raise NotFound("nobody was told to call back here")
    return task, request


def _signature(name: str, connection: Connection, task: str, request: str) -> str:
    meant = "\0".join((name, task, request)).encode()
    return hmac.digest((connection.callback_secret or "").encode(), meant, "sha256").hex()[:_SIGNATURE_CHARS]
