"""What goes over the wire."""

from penstock.api.dto import Body
from penstock.runtime.protocol import ServiceUsage


class Limits(Body):
    """What a service may have at most; None: no limit."""

    starts_per_second: float | None
    running_instances: int | None
    open_tasks: int | None
    variable_bytes: int | None


class ServiceBody(Body):
    """A service; see `runtime.protocol.ServiceUsage`."""

    name: str
    definitions: list[str]
    topics: list[str]
    deployers: list[str]
    limits: Limits
    running_instances: int
    open_tasks: int
    starts: int
    refused: dict[str, int]
    waiting_messages: int
    nodes: int

    @classmethod
    def of(cls, usage: ServiceUsage) -> "ServiceBody":
        """As a client sees it."""
        service = usage.service
        return cls(
            name=service.name,
            definitions=list(service.definitions),
            topics=list(service.topics),
            deployers=list(service.deployers),
            limits=Limits(
                starts_per_second=service.starts_per_second,
                running_instances=service.max_running_instances,
                open_tasks=service.max_open_tasks,
                variable_bytes=service.max_variable_bytes,
            ),
            running_instances=usage.running_instances,
            open_tasks=usage.open_tasks,
            starts=usage.starts,
            refused=usage.refused,
            waiting_messages=usage.waiting_messages,
            nodes=usage.nodes,
        )
