"""The services of one node, as `penstock.toml` says; changed while it runs when the file changes."""

import logging
from collections.abc import Sequence
from pathlib import Path

from penstock.base.errors import NotAuthorized
from penstock.engine.commands import Command
from penstock.engine.events import AnyEvent
from penstock.runtime.node import Node
from penstock.runtime.payload import check_events
from penstock.runtime.protocol import Authentication, ServiceUsage
from penstock.runtime.services.admission import Admission, Place
from penstock.runtime.services.config import BadServices, Service, read
from penstock.runtime.services.usage import Usage
from penstock.runtime.telemetry import catalogue as m
from penstock.runtime.telemetry.catalogue import Measured

logger = logging.getLogger(__name__)


class Services:
    """See the module. `file`: the configuration; None: there is none."""

    def __init__(self, node: Node, file: Path | None) -> None:
        self._node = node
        self._file = file
        self.configured: tuple[Service, ...] = ()
        self._admission = Admission(node.clock, node.counters)
        self._usage = Usage(node, node.store, self._admission, name=node.name, shared=node.shared)

    # ------------------------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Begins with what the file says. The node runs. Raises BadServices."""
        if self._file is not None:
            await self._apply(read(self._file))

    async def close(self) -> None:
        """Stops asking; the limits stay as they are."""
        await self._usage.close()

    async def reload(self) -> None:
        """Follows the file. What makes no sense is logged, and everything goes on as before."""
        assert self._file is not None
        try:
            await self._apply(read(self._file))
        except BadServices as error:
            logger.error("the services go on as they were: %s", error.message)

    async def _apply(self, services: tuple[Service, ...]) -> None:
        if services == self.configured:
            return
        self._check_users(services)
        self.configured = services
        self._admission.configure(services)
        if not services:
            self._node.share(None)
            await self._usage.close()
            return
        await self._usage.start()
        self._node.share(self)
        logger.info("the engine is shared by %s", ", ".join(service.name for service in services))

    def _check_users(self, services: Sequence[Service]) -> None:
        for service in services:
            if service.deployers and self._node.settings.authentication is Authentication.NONE:
                raise BadServices(
                    f"{self._file}: the service {service.name!r} has deployers, but nobody says who they are: set "
                    'authentication = "basic" in [server], or leave deployers out'
                )

    # ------------------------------------------------------------------------------------------ what a node asks

    def admit(self, command: Command) -> Place | None:
        """See `Admission.admit`."""
        return self._admission.admit(command)

    async def wait(self, command: Command) -> Place | None:
        """See `Admission.wait`."""
        return await self._admission.wait(command)

    def check_events(self, events: list[AnyEvent], definition: str | None, bytes_max: int) -> None:
        """`runtime.payload.check_events` with the bound of the service that owns the definition (id)."""
        account = self._admission.account(definition) if definition is not None else None
        own = account.service.max_variable_bytes if account is not None else None
        if own is None or own >= bytes_max or account is None:
            check_events(events, bytes_max)
        else:
            check_events(events, own, f"max_variable_bytes of service '{account.service.name}'")

    def check_owner(self, keys: Sequence[str], user: str | None) -> None:
        """Whether `user` may deploy or delete definitions with these keys. Raises NotAuthorized."""
        for key in keys:
            service = self._admission.owner(key)
            if service is not None and service.deployers and user not in service.deployers:
                raise NotAuthorized(
                    f"The user with id '{user}' may not deploy or delete '{key}': it is of the service "
                    f"'{service.name}', whose deployers are {', '.join(service.deployers)}",
                    service=service.name,
                )

    # ------------------------------------------------------------------------------------------ how it is

    def usage(self) -> list[ServiceUsage]:
        """Each service, in the order of the file."""
        accounts = self._admission.accounts
        return [
            ServiceUsage(
                service=service,
                running_instances=accounts[service.name].running_now(self._node.counters),
                open_tasks=accounts[service.name].open_tasks,
                starts=accounts[service.name].admitted,
                refused=dict(accounts[service.name].refused),
                waiting_messages=accounts[service.name].waiting,
                nodes=accounts[service.name].nodes,
            )
            for service in self.configured
        ]

    def readings(self) -> Sequence[Measured]:
        """The metrics of services."""
        usage = self.usage()
        limits: dict[tuple[str, ...], float] = {
            (one.service.name, limit): float(number)
            for one in usage
            for limit, number in (
                ("starts_per_second", one.service.starts_per_second),
                ("max_running_instances", one.service.max_running_instances),
                ("max_open_tasks", one.service.max_open_tasks),
            )
            if number is not None
        }
        return (
            Measured(m.SERVICE_STARTS, {(one.service.name,): one.starts for one in usage}),
            Measured(
                m.SERVICE_REFUSED,
                {(one.service.name, limit): count for one in usage for limit, count in one.refused.items()},
            ),
            Measured(m.SERVICE_WAITING, {(one.service.name,): one.waiting_messages for one in usage}),
            Measured(m.SERVICE_RUNNING, {(one.service.name,): one.running_instances for one in usage}),
            Measured(m.SERVICE_TASKS, {(one.service.name,): one.open_tasks for one in usage if one.service.topics}),
            Measured(m.SERVICE_LIMIT, limits),
        )
