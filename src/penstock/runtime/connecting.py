"""Makes the calls of connectors: after the commit of what came before, without a lock, as jobs that any node may take.

A call that was made may be made again: when the node dies before the answer is committed, when the lease of the job has
expired, when what follows the activity in its unit fails.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from penstock.base.errors import ConnectorFailed, ConnectorRefused, Failure
from penstock.connect.allowed import Allowed
from penstock.connect.connections import Connections
from penstock.connect.errors import ERRORS, code_for, codes
from penstock.connect.protocol import Answer, Connector
from penstock.connect.registry import Registry
from penstock.engine import commands as c
from penstock.engine.connectors import ConnectorCall
from penstock.engine.delegates import DelegateResult
from penstock.engine.questions import CallDelegate
from penstock.expr.values import from_native
from penstock.model.advice import CONNECTORS
from penstock.runtime.delegates import Delegates
from penstock.runtime.executor import Request
from penstock.runtime.protocol import Settings
from penstock.store.protocol import JobCheck

TIMEOUT_MS = 30_000
"""How long a call may take where no setting says it and leases are not shorter."""


class Connecting:
    """The connectors of one node. A registered callable goes before a connector of the same name.

    `run`: runs a request. `waiting`: told for how long a job (id) only waits."""

    def __init__(
        self,
        settings: Settings,
        delegates: Delegates,
        connections: Connections | None = None,
        *,
        run: Callable[[Request], Awaitable[Any]],
        waiting: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        check_settings(settings)
        self._timeout_ms = _timeout_ms(settings)
        self._delegates = delegates
        self._run = run
        self._waiting = waiting
        allowed = Allowed(settings.connector_hosts, settings.connector_networks)
        self._registry = Registry(
            allowed,
            settings.connector_response_bytes_max,
            (connections or Connections()).within(settings.connector_networks),
        )

    async def finish(self, command: c.ExecuteJob, call: ConnectorCall, checks: Sequence[JobCheck]) -> None:
        """Makes the call and reports its answer. Raises Failure when either fails: then the job has failed."""
        with self._waiting(call.job):
            answer = await self._answer(call)
        await self._run(
            Request(
                c.CompleteConnector(
                    instance=command.instance,
                    job=command.job,
                    owner=command.owner,
                    outputs=_outputs(answer.value, call),
                    variables=answer.variables,
                    local_variables=answer.local_variables,
                    error=answer.error,
                ),
                jobs=checks,
            )
        )

    async def close(self) -> None:
        """Gives back what the connectors hold."""
        await self._registry.close()

    async def _answer(self, call: ConnectorCall) -> DelegateResult:
        try:
            async with asyncio.timeout(self._timeout_ms / 1_000):
                if self._delegates.has(call.connector):
                    return await self._delegates.call(_question(call))
                connector = self._registry.find(call.connector)
                if connector is not None:
                    return await _mapped(connector, call)
        except TimeoutError:
            raise ConnectorFailed(
                f"The connector '{call.connector}' of '{call.element}' took longer than {self._timeout_ms} ms (setting "
                "connector_timeout_ms)",
                element_id=call.element,
            ) from None
        except Failure as failure:
            failure.element_id = failure.element_id or call.element
            raise
        raise ConnectorRefused(
            f"There is no connector '{call.connector}', which '{call.element}' needs: register a Python callable under "
            f"this name, or use one of {', '.join(sorted(CONNECTORS))}, or an external task",
            element_id=call.element,
        )


async def _mapped(connector: Connector, call: ConnectorCall) -> DelegateResult:
    """The answer; a BPMN error where the model has a code for what went wrong (`connect.errors`)."""
    known = codes(call.inputs)
    inputs = {name: value for name, value in call.inputs.items() if name != ERRORS}
    try:
        answer = await connector.call(inputs, key=call.job)
    except ConnectorFailed as failed:
        code = code_for(failed.causes, known)
        if code is None:
            raise
        return DelegateResult(error=(code, failed.message))
    causes = answer.causes if isinstance(answer, Answer) else ()
    code = code_for(causes, known)
    if code is not None:
        return DelegateResult(error=(code, f"The connector '{call.connector}' has answered with {causes[0]}"))
    return DelegateResult(value=answer)


def check_settings(settings: Settings) -> None:
    """Raises ValueError saying which setting of connectors makes no sense."""
    Allowed(settings.connector_hosts, settings.connector_networks)
    if not 0 < _timeout_ms(settings) < settings.job_lease_ms:
        raise ValueError(
            f"connector_timeout_ms is {_timeout_ms(settings)}: it must be more than 0 and less than job_lease_ms "
            f"({settings.job_lease_ms}), or another node would make the same call meanwhile"
        )


def _timeout_ms(settings: Settings) -> int:
    if settings.connector_timeout_ms is not None:
        return settings.connector_timeout_ms
    return min(TIMEOUT_MS, settings.job_lease_ms // 2)


class _NoNames:
    """What a callable sees beside its inputs: nothing. The instance may change while it works."""

    def lookup(self, name: str) -> Any:
        raise KeyError(name)

    def now_ms(self) -> int:
        return 0


def _question(call: ConnectorCall) -> CallDelegate:
    try:
        fields = {name: from_native(value) for name, value in call.inputs.items()}
    except TypeError as error:
        raise ConnectorRefused(f"An input of '{call.element}' is no value: {error}", element_id=call.element) from None
    return CallDelegate(name=call.connector, kind="connector", element=call.element, names=_NoNames(), fields=fields)


def _outputs(value: Any, call: ConnectorCall) -> dict[str, Any]:
    """What output parameters see: the items of a mapping, or `result`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        return {"result": value}
    if not all(isinstance(name, str) for name in value):
        raise ConnectorFailed(
            f"The connector '{call.connector}' must answer with values by name (texts)", element_id=call.element
        )
    return dict(value)
