"""Resources and permissions of Camunda 7 (`Resources`, `Permissions` and the permissions per resource).

A permission is a bit; an authorization holds the sum of those it grants, or for a revocation of those that are left.
"""

from enum import IntEnum

from penstock.base.errors import BadUserRequest

ANY = "*"
ALL_BITS = 2**31 - 1


class Resource(IntEnum):
    """What may be protected."""

    APPLICATION = 0
    USER = 1
    GROUP = 2
    GROUP_MEMBERSHIP = 3
    AUTHORIZATION = 4
    FILTER = 5
    PROCESS_DEFINITION = 6
    TASK = 7
    PROCESS_INSTANCE = 8
    DEPLOYMENT = 9
    DECISION_DEFINITION = 10
    TENANT = 11
    TENANT_MEMBERSHIP = 12
    BATCH = 13
    DECISION_REQUIREMENTS_DEFINITION = 14
    REPORT = 15
    DASHBOARD = 16
    OPERATION_LOG_CATEGORY = 17
    OPTIMIZE = 18
    HISTORIC_TASK = 19
    HISTORIC_PROCESS_INSTANCE = 20
    SYSTEM = 21


NAMES: dict[int, str] = {
    **{resource: "".join(word.title() for word in resource.name.split("_")) for resource in Resource},
    Resource.GROUP_MEMBERSHIP: "Group membership",
    Resource.OPERATION_LOG_CATEGORY: "OperationLogCatgeory",
}
"""Resource → its name in the operation log (Camunda 7 `EntityTypes`, spelt as there)."""

_EVERYWHERE = {"NONE": 0, "ALL": ALL_BITS}
_CRUD = {"READ": 2, "UPDATE": 4, "CREATE": 8, "DELETE": 16}
_HISTORY = {"READ_HISTORY": 4096, "DELETE_HISTORY": 8192}
_WORK = {"TASK_WORK": 16384, "TASK_ASSIGN": 32768}

_GENERAL = {
    **_EVERYWHERE,
    **_CRUD,
    "ACCESS": 32,
    "READ_TASK": 64,
    "UPDATE_TASK": 128,
    "CREATE_INSTANCE": 256,
    "READ_INSTANCE": 512,
    "UPDATE_INSTANCE": 1024,
    "DELETE_INSTANCE": 2048,
    **_HISTORY,
    **_WORK,
    "MIGRATE_INSTANCE": 65536,
}
"""Known by name on every resource that has no table of its own; `_VALID` says which of them make sense there."""

_OWN: dict[int, dict[str, int]] = {
    Resource.BATCH: {
        **_EVERYWHERE,
        **_CRUD,
        **_HISTORY,
        "CREATE_BATCH_MIGRATE_PROCESS_INSTANCES": 32,
        "CREATE_BATCH_MODIFY_PROCESS_INSTANCES": 64,
        "CREATE_BATCH_RESTART_PROCESS_INSTANCES": 128,
        "CREATE_BATCH_DELETE_RUNNING_PROCESS_INSTANCES": 256,
        "CREATE_BATCH_DELETE_FINISHED_PROCESS_INSTANCES": 512,
        "CREATE_BATCH_DELETE_DECISION_INSTANCES": 1024,
        "CREATE_BATCH_SET_JOB_RETRIES": 2048,
        "CREATE_BATCH_SET_EXTERNAL_TASK_RETRIES": 16384,
        "CREATE_BATCH_UPDATE_PROCESS_INSTANCES_SUSPEND": 32768,
        "CREATE_BATCH_SET_REMOVAL_TIME": 65536,
        "CREATE_BATCH_SET_VARIABLES": 131072,
        "CREATE_BATCH_CORRELATE_MESSAGE": 262144,
    },
    Resource.PROCESS_DEFINITION: {
        **_EVERYWHERE,
        "READ": 2,
        "UPDATE": 4,
        "DELETE": 16,
        "READ_TASK": 64,
        "UPDATE_TASK": 128,
        "CREATE_INSTANCE": 256,
        "READ_INSTANCE": 512,
        "UPDATE_INSTANCE": 1024,
        "DELETE_INSTANCE": 2048,
        **_HISTORY,
        **_WORK,
        "MIGRATE_INSTANCE": 65536,
        "RETRY_JOB": 32,
        "SUSPEND": 1048576,
        "SUSPEND_INSTANCE": 131072,
        "UPDATE_INSTANCE_VARIABLE": 262144,
        "UPDATE_TASK_VARIABLE": 524288,
        "READ_INSTANCE_VARIABLE": 2097152,
        "READ_HISTORY_VARIABLE": 4194304,
        "READ_TASK_VARIABLE": 8388608,
        "UPDATE_HISTORY": 16777216,
    },
    Resource.PROCESS_INSTANCE: {**_EVERYWHERE, **_CRUD, "RETRY_JOB": 32, "SUSPEND": 64, "UPDATE_VARIABLE": 128},
    Resource.TASK: {
        **_EVERYWHERE,
        **_CRUD,
        "READ_HISTORY": 4096,
        **_WORK,
        "UPDATE_VARIABLE": 32,
        "READ_VARIABLE": 64,
    },
    Resource.HISTORIC_TASK: {**_EVERYWHERE, "READ": 2, "READ_VARIABLE": 64},
    Resource.HISTORIC_PROCESS_INSTANCE: {**_EVERYWHERE, "READ": 2},
    Resource.OPERATION_LOG_CATEGORY: {**_EVERYWHERE, "READ": 2, "UPDATE": 4, "DELETE": 16},
    Resource.OPTIMIZE: {**_EVERYWHERE, "EDIT": 2, "SHARE": 4},
    Resource.SYSTEM: {**_EVERYWHERE, "READ": 2, "SET": 4, "DELETE": 8},
}

_ALL_OF_CRUD = frozenset(_CRUD)
_VALID: dict[int, frozenset[str]] = {
    Resource.APPLICATION: frozenset({"ACCESS"}),
    **dict.fromkeys(
        (Resource.USER, Resource.GROUP, Resource.AUTHORIZATION, Resource.FILTER, Resource.TENANT), _ALL_OF_CRUD
    ),
    **dict.fromkeys((Resource.REPORT, Resource.DASHBOARD), _ALL_OF_CRUD),
    **dict.fromkeys((Resource.GROUP_MEMBERSHIP, Resource.TENANT_MEMBERSHIP), frozenset({"CREATE", "DELETE"})),
    Resource.DEPLOYMENT: frozenset({"READ", "CREATE", "DELETE"}),
    Resource.DECISION_DEFINITION: frozenset({"READ", "UPDATE", "CREATE_INSTANCE", *_HISTORY}),
    Resource.DECISION_REQUIREMENTS_DEFINITION: frozenset({"READ"}),
}


def known(resource: int) -> dict[str, int]:
    """Every permission that may be named on a resource, with its bits."""
    return _OWN.get(resource, _GENERAL)


def is_valid(name: str, resource: int) -> bool:
    """Whether a known permission makes sense on the resource."""
    if resource not in NAMES:
        return False
    return name in _EVERYWHERE or resource in _OWN or name in _VALID[resource]


def bits(name: str, resource: int) -> int:
    """The bits of a permission. Raises BadUserRequest for a name that the resource does not know."""
    value = known(resource).get(name)
    if value is None:
        shown = Resource(resource).name if resource in NAMES else "null"
        raise BadUserRequest(f"The permission '{name}' is not valid for '{shown}' resource type.")
    return value
