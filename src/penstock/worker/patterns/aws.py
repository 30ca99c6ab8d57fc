"""Calls of AWS Lambda functions (`Invoke`, request-response) with aiobotocore: `pip install 'penstock[aws]'`."""

import asyncio
import base64
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from penstock.worker.errors import TaskFailure, WorkerError
from penstock.worker.patterns.calls import Answer, Call, Unavailable
from penstock.worker.patterns.http import content

CONNECT_S = 10
CUT_OFF = ("Sandbox.", "Runtime.")
"""Error types of Lambda's own: a function that ran out of time or memory, or that could not begin."""
_OUT_OF_ORDER = frozenset(
    {"TooManyRequestsException", "ServiceException", "ThrottlingException", "ExpiredTokenException"}
)


class DriverMissing(WorkerError):
    """aiobotocore is not installed."""


class LambdaCaller:
    """The functions of one region. What is None comes from where AWS's clients look. `concurrency`: most connections.
    `read_s`: longest that an answer may take. Raises DriverMissing."""

    def __init__(
        self, *, region: str | None, url: str | None, profile: str | None, concurrency: int, read_s: float
    ) -> None:
        try:
            from aiobotocore.config import AioConfig
            from aiobotocore.session import AioSession
        except ImportError as error:
            raise DriverMissing(f"AWS Lambda needs {error.name}: pip install 'penstock[aws]'") from None
        self._session = AioSession(profile=profile)
        # Repeating is decided here: a client that repeats by itself calls a function twice.
        config = AioConfig(
            max_pool_connections=concurrency,
            connect_timeout=CONNECT_S,
            read_timeout=read_s,
            retries={"total_max_attempts": 1},
        )
        self._options = {"region_name": region, "endpoint_url": url, "config": config}
        self._stack = AsyncExitStack()
        self._making = asyncio.Lock()
        self._client: Any = None

    async def call(self, call: Call, timeout_s: float) -> Answer:
        """See `calls.Caller`."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._invoke(call)
        except TimeoutError:
            raise Unavailable(f"{call.what} took longer than {timeout_s:g} s", unclear=True) from None

    async def _invoke(self, call: Call) -> Answer:
        from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

        custom = base64.b64encode(msgspec.json.encode({"custom": call.headers})).decode()
        stated = {"Qualifier": call.qualifier} if call.qualifier is not None else {}
        try:
            client = await self._connected()
            found = await client.invoke(
                FunctionName=call.target, Payload=call.body or b"null", ClientContext=custom, **stated
            )
            payload = await found["Payload"].read()
        except ClientError as error:
            raise _refused(call, error.response) from None
        except (EndpointConnectionError, ConnectTimeoutError) as error:
            raise Unavailable(f"{call.what}: {error}", unclear=False) from None
        except BotoCoreError as error:
            raise Unavailable(f"{call.what}: {error}", unclear=True) from None
        return _answer(call, found, payload)

    async def _connected(self) -> Any:
        async with self._making:
            if self._client is None:
                self._client = await self._stack.enter_async_context(
                    self._session.create_client("lambda", **self._options)
                )
            return self._client

    async def close(self) -> None:
        """See `calls.Caller`."""
        await self._stack.aclose()


def _answer(call: Call, found: Mapping[str, Any], payload: bytes) -> Answer:
    body = content(payload, "application/json")
    if not found.get("FunctionError"):
        return Answer(status=found["StatusCode"], body=body)
    said = body if isinstance(body, dict) else {}
    kind = str(said.get("errorType") or found["FunctionError"])
    message = str(said.get("errorMessage") or "")
    if kind.startswith(CUT_OFF):
        raise Unavailable(f"{call.what} failed: {kind}", unclear=True)
    return Answer(status=found["StatusCode"], error_type=kind, error_message=message)


def _refused(call: Call, response: Mapping[str, Any]) -> Exception:
    """AWS did not call the function."""
    error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(error.get("Code", "")), int(about.get("HTTPStatusCode", 0))
    message = f"{call.what} was refused by AWS: {code} ({status})"
    if status >= 500 or code in _OUT_OF_ORDER:
        after = str(about.get("HTTPHeaders", {}).get("retry-after", ""))
        wait_ms = min(int(after) * 1000, 60_000) if after.isdigit() and len(after) < 6 else 0
        return Unavailable(message, unclear=status >= 500, retry_after_ms=wait_ms)
    return TaskFailure(message, retries=0, details=f"{message}\n{error.get('Message', '')}")
