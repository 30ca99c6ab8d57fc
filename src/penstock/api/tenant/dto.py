"""Tenants as JSON (Camunda 7 `TenantDto`)."""

from typing import Any

from penstock.api.dto import Body
from penstock.identity.tenants import Tenant
from penstock.store.protocol import Row


class TenantBody(Body):
    """`TenantDto`."""

    id: str | None = None
    name: str | None = None

    def tenant(self) -> Tenant:
        """The same for the engine."""
        return Tenant(id=self.id, name=self.name)


def tenant(row: Row) -> dict[str, Any]:
    """`TenantDto` of a row of `identity_tenant`."""
    return {"id": row["id"], "name": row["name"]}
