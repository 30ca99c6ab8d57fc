"""What `GET /user` understands (Camunda 7 `UserQueryDto`)."""

from penstock.api.querying import Selection, like, text, texts
from penstock.api.shared_query import exists
from penstock.store.query import Order, eq

USERS = Selection(
    "identity_user",
    filters={
        "id": text("id"),
        "idIn": texts("id"),
        "firstName": text("first_name"),
        "firstNameLike": like("first_name"),
        "lastName": text("last_name"),
        "lastNameLike": like("last_name"),
        "email": text("email"),
        "emailLike": like("email"),
        "memberOfGroup": exists("group_member", (("user_id", "id"),), lambda value: (eq("group_id", value),)),
        "memberOfTenant": exists("tenant_member", (("user_id", "id"),), lambda value: (eq("tenant_id", value),)),
        "potentialStarter": exists("identity_link", (("user_id", "id"),), lambda value: (eq("definition_id", value),)),
    },
    sortings={
        "userId": Order("id"),
        "firstName": Order("first_name"),
        "lastName": Order("last_name"),
        "email": Order("email"),
    },
)
