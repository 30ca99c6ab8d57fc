"""What `GET /group` and `POST /group` understand (Camunda 7 `GroupQueryDto`)."""

from penstock.api.querying import Selection, like, text, texts
from penstock.api.shared_query import exists
from penstock.store.query import Order, eq

GROUPS = Selection(
    "identity_group",
    filters={
        "id": text("id"),
        "idIn": texts("id"),
        "name": text("name"),
        "nameLike": like("name"),
        "type": text("type"),
        "member": exists("group_member", (("group_id", "id"),), lambda value: (eq("user_id", value),)),
        "memberOfTenant": exists("tenant_member", (("group_id", "id"),), lambda value: (eq("tenant_id", value),)),
    },
    sortings={"id": Order("id"), "name": Order("name"), "type": Order("type")},
)
