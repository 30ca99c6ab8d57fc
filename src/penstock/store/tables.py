"""The tables, written once; every store lays out the same ones.

Three sorts (`docs/design.md` section 3):
- READY: written in the commit of the unit of work, so that work can be found by others; gone when the work is done.
- ORDINARY: deployments, definitions, settings; written in the same transactions.
- VIEW: projected from the log; may be thrown away and projected again.

The key of instance data begins with the shard. Every id that is made inside a root process instance ends with that
root's last three hexadecimal digits, so `base.ids.shard_of` of any of these ids gives the shard.
Moments are INTEGER milliseconds since the epoch.
"""

from enum import StrEnum

import msgspec


class Sort(StrEnum):
    """What keeps a table up to date."""

    READY = "ready"
    ORDINARY = "ordinary"
    VIEW = "view"


class Type(StrEnum):
    """Column types; JSON columns hold any JSON-like value (stored packed, never searched)."""

    TEXT = "text"
    INT = "int"
    """64-bit integer."""
    REAL = "real"
    BOOL = "bool"
    BYTES = "bytes"
    JSON = "json"


PREFIX_CHARACTERS = 256
"""How much of a long text an index holds."""


class Index(msgspec.Struct, frozen=True):
    """A secondary index. `where_null` / `where_not_null`: a partial index on rows whose column is (not) null.
    `descending`: which of the columns are in descending order. `prefix`: of which only the first PREFIX_CHARACTERS are
    in the index, because their text may be longer than what PostgreSQL can index (2,704 bytes). `sorts`: queries read
    rows in the order of its first column, so on PostgreSQL nulls come first there, as in queries."""

    columns: tuple[str, ...]
    where_null: str | None = None
    where_not_null: str | None = None
    descending: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    sorts: bool = False


class Table(msgspec.Struct, frozen=True):
    """A table: its name, sort, columns in order, primary key and indexes."""

    name: str
    sort: Sort
    columns: dict[str, Type]
    key: tuple[str, ...]
    indexes: tuple[Index, ...] = ()


def _columns(text: str) -> dict[str, Type]:
    found: dict[str, Type] = {}
    for word in text.split():
        name, _, kind = word.partition(":")
        found[name] = Type(kind or "text")
    return found


def _instance_table(name: str, sort: Sort, columns: str, *indexes: Index) -> Table:
    return Table(name, sort, _columns("shard:int id " + columns), ("shard", "id"), indexes)


_OF_INSTANCE = "root_id instance_id definition_id definition_key tenant_id"

READY = (
    _instance_table(
        "external_task",
        Sort.READY,
        _OF_INSTANCE
        + " execution_id activity_id activity_instance_id version_tag topic priority:int retries:int error_message"
        " error_details worker_id lock_expires_ms:int suspended:bool business_key created_ms:int properties:json"
        # Of the lease: the versions of results documents that the worker was given (`base.task_results.Seen` by name).
        " seen_results:json"
        # Of the lease as well: the id of the request that went out over a bus, where the topic is bound to one.
        " request_id",
        Index(("topic", "priority", "created_ms"), descending=("priority",)),
        Index(("topic", "created_ms")),
        Index(("instance_id",)),
        # None with what a lock changes: locking is the most frequent update (a heap-only one on PostgreSQL).
    ),
    _instance_table(
        "job",
        Sort.READY,
        _OF_INSTANCE
        + " execution_id activity_id job_definition_id deployment_id kind configuration due_ms:int retries:int priority:int"
        " exclusive:bool suspended:bool created_ms:int message stacktrace failed_activity_id lease_owner"
        " lease_expires_ms:int cycle repeat_left:int flow payload:json failure_log_id",
        Index(("due_ms", "priority", "created_ms"), descending=("priority",), where_null="lease_owner"),
        Index(("lease_expires_ms",), where_not_null="lease_owner"),
        Index(("instance_id",)),
        Index(("definition_id",)),
        # Of batches and start timers only: other jobs are never looked for by it, and should not pay for it.
        Index(("job_definition_id",), where_null="instance_id"),
    ),
    _instance_table(
        "event_subscription",
        Sort.READY,
        _OF_INSTANCE + " execution_id activity_id type name configuration created_ms:int",
        Index(("type", "name")),
        Index(("instance_id",)),
        Index(("definition_id",)),
    ),
    _instance_table("user_task", Sort.READY, "root_id instance_id definition_id"),
    # What is to be published on a bus (`penstock.bridge`): gone when the broker has it.
    _instance_table(
        "outbox",
        Sort.READY,
        "instance_id revision:int connection channel slot:int key position:int body:bytes content_type headers:json"
        " external_task_id timeout_ms:int created_ms:int",
        Index(("connection", "position")),
    ),
)

ORDINARY = (
    Table(
        "deployment",
        Sort.ORDINARY,
        _columns("id name source tenant_id deployed_ms:int"),
        ("id",),
        (Index(("name",)),),
    ),
    Table(
        "resource",
        Sort.ORDINARY,
        _columns("id deployment_id name content:bytes digest"),
        ("id",),
        (Index(("deployment_id",)),),
    ),
    Table(
        "process_definition",
        Sort.ORDINARY,
        _columns(
            "id key version:int name category description deployment_id resource_name diagram_name suspended:bool tenant_id"
            " version_tag history_time_to_live:int startable_in_tasklist:bool start_form_key:bool deployed_ms:int latest:bool"
        ),
        ("id",),
        (Index(("key", "version")), Index(("deployment_id",))),
    ),
    Table(
        "job_definition",
        Sort.ORDINARY,
        _columns(
            "id definition_id definition_key activity_id type configuration job_priority:int suspended:bool tenant_id"
            " deployment_id"
        ),
        ("id",),
        (Index(("definition_id",)), Index(("deployment_id",))),
    ),
    Table(
        "decision_definition",
        Sort.ORDINARY,
        _columns(
            "id key version:int name category deployment_id resource_name diagram_name tenant_id version_tag"
            " history_time_to_live:int requirements_id requirements_key deployed_ms:int latest:bool"
        ),
        ("id",),
        (Index(("key", "version")), Index(("deployment_id",))),
    ),
    Table(
        "decision_requirements_definition",
        Sort.ORDINARY,
        _columns(
            "id key version:int name category deployment_id resource_name diagram_name tenant_id deployed_ms:int latest:bool"
        ),
        ("id",),
        (Index(("key", "version")), Index(("deployment_id",))),
    ),
    Table(
        "batch",
        Sort.ORDINARY,
        _columns(
            "id type total_jobs:int jobs_created:int jobs_per_seed:int invocations_per_job:int seed_job_definition_id"
            " monitor_job_definition_id job_definition_id configuration:bytes suspended:bool tenant_id user_id"
            " started_ms:int execution_started_ms:int ended_ms:int removal_ms:int"
        ),
        ("id",),
        (Index(("type",)),),
    ),
    Table(
        "batch_part",
        Sort.ORDINARY,
        _columns("id batch_id number:int ids:json"),
        ("id",),
        (Index(("batch_id",)),),
    ),
    # Failed work that is tried again in bulk, by the id of its batch, and what each share of that has come to: the ids
    # that got retries, how many those are, and how many did not need them any more.
    Table(
        "reprocessing",
        Sort.ORDINARY,
        _columns("id filter:json total:int retries:int rate:real started_ms:int"),
        ("id",),
        (Index(("started_ms",)),),
    ),
    Table(
        "reprocessed",
        Sort.ORDINARY,
        _columns("id batch_id ids:json retried:int skipped:int done_ms:int"),
        ("id",),
        (Index(("batch_id",)),),
    ),
    Table("setting", Sort.ORDINARY, _columns("name value:json"), ("name",)),
    # Messages of a bus that nobody waits for yet (`penstock.bridge`). `id`: the key under which they are taken in.
    Table(
        "early_message",
        Sort.ORDINARY,
        _columns("id bridge name business_key message:bytes created_ms:int expires_ms:int"),
        ("id",),
        (Index(("name", "created_ms")), Index(("expires_ms",))),
    ),
    # Who may do what only one node at a time may do; changed by `Store.claim_leases` alone.
    Table("lease", Sort.ORDINARY, _columns("name owner expires_ms:int"), ("name",)),
    Table(
        "identity_user",
        Sort.ORDINARY,
        _columns("id first_name last_name email password attempts:int lock_expires_ms:int"),
        ("id",),
    ),
    Table("identity_group", Sort.ORDINARY, _columns("id name type"), ("id",)),
    Table("identity_tenant", Sort.ORDINARY, _columns("id name"), ("id",)),
    Table(
        "group_member",
        Sort.ORDINARY,
        _columns("id user_id group_id"),
        ("id",),
        (Index(("user_id",)), Index(("group_id",))),
    ),
    Table(
        "tenant_member",
        Sort.ORDINARY,
        _columns("id tenant_id user_id group_id"),
        ("id",),
        (Index(("tenant_id",)), Index(("user_id",)), Index(("group_id",))),
    ),
    Table(
        "identity_authorization",
        Sort.ORDINARY,
        _columns("id type:int user_id group_id resource_type:int resource_id permissions:int removal_ms:int root_id"),
        ("id",),
        (Index(("user_id",)), Index(("group_id",)), Index(("resource_type", "resource_id"))),
    ),
    Table("saved_filter", Sort.ORDINARY, _columns("id resource_type name owner query:json properties:json"), ("id",)),
)

VIEWS = (
    _instance_table(
        "process_instance",
        Sort.VIEW,
        "root_id definition_id definition_key definition_name definition_version:int business_key tenant_id started_ms:int"
        " ended_ms:int duration_ms:int removal_ms:int start_user_id start_activity_id end_activity_id delete_reason"
        " super_instance_id super_execution_id case_instance_id state suspended:bool",
        Index(("definition_id",)),
        Index(("business_key",), where_not_null="business_key"),
        Index(("super_instance_id",), where_not_null="super_instance_id"),
        Index(("definition_key",), where_null="ended_ms"),
    ),
    _instance_table(
        "execution",
        Sort.VIEW,
        _OF_INSTANCE + " parent_id kind activity_id suspended:bool business_key",
        Index(("instance_id",)),
    ),
    _instance_table(
        "activity_instance",
        Sort.VIEW,
        _OF_INSTANCE
        + " parent_id execution_id activity_id name type task_id called_instance_id called_case_instance_id assignee"
        " started_ms:int ended_ms:int duration_ms:int canceled:bool completes_scope:bool removal_ms:int sequence:int",
        Index(("instance_id",)),
    ),
    _instance_table(
        "variable",
        Sort.VIEW,
        _OF_INSTANCE
        + " name type text_value long_value:int double_value:real bytes_value:bytes info:json execution_id task_id"
        " activity_instance_id state live:bool created_ms:int removal_ms:int revision:int",
        Index(("instance_id",)),
        Index(("task_id",), where_not_null="task_id"),
        Index(("name", "text_value"), prefix=("text_value",)),
    ),
    _instance_table(
        "detail",
        Sort.VIEW,
        _OF_INSTANCE
        + " type variable_id name variable_type text_value long_value:int double_value:real bytes_value:bytes info:json"
        " execution_id task_id activity_instance_id revision:int initial:bool occurred_ms:int removal_ms:int operation_id"
        " sequence:int",
        Index(("instance_id",)),
    ),
    _instance_table(
        "task",
        Sort.VIEW,
        _OF_INSTANCE
        + " execution_id activity_instance_id task_key name description assignee owner priority:int due_ms:int"
        " follow_up_ms:int created_ms:int ended_ms:int duration_ms:int delete_reason parent_task_id delegation_state"
        " suspended:bool form_key form_ref:json task_state last_updated_ms:int removal_ms:int case_instance_id"
        " live:bool",
        Index(("instance_id",)),
        Index(("assignee",), where_null="ended_ms"),
        Index(("created_ms",), where_null="ended_ms", sorts=True),
    ),
    _instance_table(
        "identity_link",
        Sort.VIEW,
        "root_id task_id definition_id type user_id group_id tenant_id",
        Index(("task_id",)),
    ),
    _instance_table(
        "identity_link_log",
        Sort.VIEW,
        _OF_INSTANCE + " task_id type user_id group_id operation occurred_ms:int assigner_id removal_ms:int",
        Index(("task_id",)),
    ),
    _instance_table(
        "incident",
        Sort.VIEW,
        _OF_INSTANCE
        + " type execution_id activity_id failed_activity_id configuration message cause_incident_id root_cause_incident_id"
        " job_definition_id created_ms:int ended_ms:int state annotation removal_ms:int history_configuration",
        Index(("instance_id",)),
        Index(("created_ms",), where_null="ended_ms", sorts=True),
        Index(("configuration",)),
    ),
    _instance_table(
        "external_task_log",
        Sort.VIEW,
        _OF_INSTANCE
        + " external_task_id execution_id activity_id activity_instance_id topic worker_id priority:int retries:int"
        " error_message error_details state occurred_ms:int removal_ms:int sequence:int",
        Index(("instance_id",)),
        Index(("external_task_id",)),
    ),
    _instance_table(
        "job_log",
        Sort.VIEW,
        _OF_INSTANCE
        + " job_id job_definition_id execution_id activity_id job_type job_configuration due_ms:int retries:int priority:int"
        " message stacktrace failed_activity_id deployment_id state occurred_ms:int removal_ms:int sequence:int",
        Index(("instance_id",)),
        Index(("job_id",)),
    ),
    _instance_table(
        "operation_log",
        Sort.VIEW,
        _OF_INSTANCE
        + " operation_id operation_type entity_type category user_id property old_value new_value task_id job_id"
        " external_task_id execution_id job_definition_id deployment_id batch_id annotation occurred_ms:int removal_ms:int",
        Index(("instance_id",)),
        Index(("deployment_id",), where_not_null="deployment_id"),
        Index(("operation_id",)),
    ),
    _instance_table(
        "decision_instance",
        Sort.VIEW,
        _OF_INSTANCE
        + " decision_id decision_key decision_name requirements_id requirements_key root_decision_instance_id activity_id"
        " activity_instance_id evaluated_ms:int collected:real user_id removal_ms:int sequence:int",
        Index(("instance_id",)),
        Index(("id",)),
        Index(("decision_id",)),
        Index(("root_decision_instance_id",), where_not_null="root_decision_instance_id"),
        Index(("evaluated_ms",), sorts=True),
    ),
    _instance_table(
        "decision_input",
        Sort.VIEW,
        "root_id instance_id decision_instance_id clause_id clause_name type text_value long_value:int double_value:real"
        " bytes_value:bytes info:json created_ms:int removal_ms:int sequence:int",
        Index(("instance_id",)),
        Index(("decision_instance_id",)),
    ),
    _instance_table(
        "decision_output",
        Sort.VIEW,
        "root_id instance_id decision_instance_id clause_id clause_name rule_id rule_order:int variable_name type"
        " text_value long_value:int double_value:real bytes_value:bytes info:json created_ms:int removal_ms:int sequence:int",
        Index(("instance_id",)),
        Index(("decision_instance_id",)),
    ),
    _instance_table(
        "comment",
        Sort.VIEW,
        _OF_INSTANCE + " task_id process_instance_id user_id message created_ms:int removal_ms:int",
        Index(("instance_id",)),
        Index(("task_id",)),
    ),
    _instance_table(
        "attachment",
        Sort.VIEW,
        _OF_INSTANCE
        + " task_id process_instance_id name description type url content:bytes created_ms:int removal_ms:int",
        Index(("instance_id",)),
        Index(("task_id",)),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in (*READY, *ORDINARY, *VIEWS)}
"""Every table that rows and queries may name."""
