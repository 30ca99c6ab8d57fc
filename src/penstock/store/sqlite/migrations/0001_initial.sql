-- The layout of the first release. Bound to store/tables.py by a test.

-- One row: which migrations have run, and how often definitions have changed.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL
) STRICT;
INSERT INTO meta (one, version, epoch) VALUES (1, 0, 0);

CREATE TABLE instance (
    shard INTEGER NOT NULL,
    id TEXT NOT NULL,
    root TEXT NOT NULL,
    definition TEXT,
    revision INTEGER NOT NULL,
    head BLOB NOT NULL,
    PRIMARY KEY (shard, id)
) STRICT;

CREATE TABLE instance_chunk (
    shard INTEGER NOT NULL,
    id TEXT NOT NULL,
    number INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (shard, id, number)
) STRICT;

CREATE TABLE event_log (
    stream TEXT NOT NULL,
    position INTEGER NOT NULL,
    format INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (stream, position)
) STRICT;

-- `owner` counts the claims of a stream: a commit of an earlier owner is refused.
CREATE TABLE stream_head (
    stream TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL,
    owner INTEGER NOT NULL
) STRICT;

CREATE TABLE view_position (
    projection TEXT NOT NULL,
    stream TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (projection, stream)
) STRICT;

CREATE TABLE inbox (
    key TEXT NOT NULL PRIMARY KEY,
    answer BLOB NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX inbox_expires_ms ON inbox (expires_ms);

CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL,
    payload BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    done_ms INTEGER
) STRICT;
CREATE INDEX outbox_created_ms ON outbox (created_ms) WHERE done_ms IS NULL;

-- Ready rows: work that others must find.

CREATE TABLE external_task (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "execution_id" TEXT,
    "activity_id" TEXT,
    "activity_instance_id" TEXT,
    "version_tag" TEXT,
    "topic" TEXT,
    "priority" INTEGER,
    "retries" INTEGER,
    "error_message" TEXT,
    "error_details" TEXT,
    "worker_id" TEXT,
    "lock_expires_ms" INTEGER,
    "suspended" INTEGER,
    "business_key" TEXT,
    "created_ms" INTEGER,
    "properties" BLOB,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX external_task_topic_priority_created_ms ON external_task ("topic", "priority" DESC, "created_ms");
CREATE INDEX external_task_topic_created_ms ON external_task ("topic", "created_ms");
CREATE INDEX external_task_instance_id ON external_task ("instance_id");

CREATE TABLE job (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "execution_id" TEXT,
    "activity_id" TEXT,
    "job_definition_id" TEXT,
    "deployment_id" TEXT,
    "kind" TEXT,
    "configuration" TEXT,
    "due_ms" INTEGER,
    "retries" INTEGER,
    "priority" INTEGER,
    "exclusive" INTEGER,
    "suspended" INTEGER,
    "created_ms" INTEGER,
    "message" TEXT,
    "stacktrace" TEXT,
    "failed_activity_id" TEXT,
    "lease_owner" TEXT,
    "lease_expires_ms" INTEGER,
    "cycle" TEXT,
    "repeat_left" INTEGER,
    "flow" TEXT,
    "payload" BLOB,
    "failure_log_id" TEXT,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX job_due_ms ON job ("due_ms") WHERE "lease_owner" IS NULL;
CREATE INDEX job_lease_expires_ms ON job ("lease_expires_ms") WHERE "lease_owner" IS NOT NULL;
CREATE INDEX job_instance_id ON job ("instance_id");
CREATE INDEX job_definition_id ON job ("definition_id");

CREATE TABLE event_subscription (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "execution_id" TEXT,
    "activity_id" TEXT,
    "type" TEXT,
    "name" TEXT,
    "configuration" TEXT,
    "created_ms" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX event_subscription_type_name ON event_subscription ("type", "name");
CREATE INDEX event_subscription_instance_id ON event_subscription ("instance_id");
CREATE INDEX event_subscription_definition_id ON event_subscription ("definition_id");

CREATE TABLE user_task (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;

-- Definitions and settings.

CREATE TABLE deployment (
    "id" TEXT NOT NULL,
    "name" TEXT,
    "source" TEXT,
    "tenant_id" TEXT,
    "deployed_ms" INTEGER,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX deployment_name ON deployment ("name");

CREATE TABLE resource (
    "id" TEXT NOT NULL,
    "deployment_id" TEXT,
    "name" TEXT,
    "content" BLOB,
    "digest" TEXT,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX resource_deployment_id ON resource ("deployment_id");

CREATE TABLE process_definition (
    "id" TEXT NOT NULL,
    "key" TEXT,
    "version" INTEGER,
    "name" TEXT,
    "category" TEXT,
    "description" TEXT,
    "deployment_id" TEXT,
    "resource_name" TEXT,
    "diagram_name" TEXT,
    "suspended" INTEGER,
    "tenant_id" TEXT,
    "version_tag" TEXT,
    "history_time_to_live" INTEGER,
    "startable_in_tasklist" INTEGER,
    "start_form_key" INTEGER,
    "deployed_ms" INTEGER,
    "latest" INTEGER,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX process_definition_key_version ON process_definition ("key", "version");
CREATE INDEX process_definition_deployment_id ON process_definition ("deployment_id");

CREATE TABLE job_definition (
    "id" TEXT NOT NULL,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "activity_id" TEXT,
    "type" TEXT,
    "configuration" TEXT,
    "job_priority" INTEGER,
    "suspended" INTEGER,
    "tenant_id" TEXT,
    "deployment_id" TEXT,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX job_definition_definition_id ON job_definition ("definition_id");
CREATE INDEX job_definition_deployment_id ON job_definition ("deployment_id");

CREATE TABLE setting (
    "name" TEXT NOT NULL,
    "value" BLOB,
    PRIMARY KEY ("name")
) STRICT;

-- Views, projected from the log.

CREATE TABLE process_instance (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "definition_name" TEXT,
    "definition_version" INTEGER,
    "business_key" TEXT,
    "tenant_id" TEXT,
    "started_ms" INTEGER,
    "ended_ms" INTEGER,
    "duration_ms" INTEGER,
    "removal_ms" INTEGER,
    "start_user_id" TEXT,
    "start_activity_id" TEXT,
    "end_activity_id" TEXT,
    "delete_reason" TEXT,
    "super_instance_id" TEXT,
    "super_execution_id" TEXT,
    "case_instance_id" TEXT,
    "state" TEXT,
    "suspended" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX process_instance_definition_id ON process_instance ("definition_id");
CREATE INDEX process_instance_business_key ON process_instance ("business_key") WHERE "business_key" IS NOT NULL;
CREATE INDEX process_instance_super_instance_id ON process_instance ("super_instance_id") WHERE "super_instance_id" IS NOT NULL;
CREATE INDEX process_instance_definition_key ON process_instance ("definition_key") WHERE "ended_ms" IS NULL;

CREATE TABLE execution (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "parent_id" TEXT,
    "kind" TEXT,
    "activity_id" TEXT,
    "suspended" INTEGER,
    "business_key" TEXT,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX execution_instance_id ON execution ("instance_id");

CREATE TABLE activity_instance (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "parent_id" TEXT,
    "execution_id" TEXT,
    "activity_id" TEXT,
    "name" TEXT,
    "type" TEXT,
    "task_id" TEXT,
    "called_instance_id" TEXT,
    "called_case_instance_id" TEXT,
    "assignee" TEXT,
    "started_ms" INTEGER,
    "ended_ms" INTEGER,
    "duration_ms" INTEGER,
    "canceled" INTEGER,
    "completes_scope" INTEGER,
    "removal_ms" INTEGER,
    "sequence" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX activity_instance_instance_id ON activity_instance ("instance_id");

CREATE TABLE variable (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "name" TEXT,
    "type" TEXT,
    "text_value" TEXT,
    "long_value" INTEGER,
    "double_value" REAL,
    "bytes_value" BLOB,
    "info" BLOB,
    "execution_id" TEXT,
    "task_id" TEXT,
    "activity_instance_id" TEXT,
    "state" TEXT,
    "live" INTEGER,
    "created_ms" INTEGER,
    "removal_ms" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT;
CREATE INDEX variable_instance_id ON variable ("instance_id");
CREATE INDEX variable_task_id ON variable ("task_id") WHERE "task_id" IS NOT NULL;
CREATE INDEX variable_name_text_value ON variable ("name", substr("text_value", 1, 256));

CREATE TABLE detail (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "type" TEXT,
    "variable_id" TEXT,
    "name" TEXT,
    "variable_type" TEXT,
    "text_value" TEXT,
    "long_value" INTEGER,
    "double_value" REAL,
    "bytes_value" BLOB,
    "info" BLOB,
    "execution_id" TEXT,
    "task_id" TEXT,
    "activity_instance_id" TEXT,
    "revision" INTEGER,
    "initial" INTEGER,
    "occurred_ms" INTEGER,
    "removal_ms" INTEGER,
    "operation_id" TEXT,
    "sequence" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT;
CREATE INDEX detail_instance_id ON detail ("instance_id");

CREATE TABLE task (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "execution_id" TEXT,
    "activity_instance_id" TEXT,
    "task_key" TEXT,
    "name" TEXT,
    "description" TEXT,
    "assignee" TEXT,
    "owner" TEXT,
    "priority" INTEGER,
    "due_ms" INTEGER,
    "follow_up_ms" INTEGER,
    "created_ms" INTEGER,
    "ended_ms" INTEGER,
    "duration_ms" INTEGER,
    "delete_reason" TEXT,
    "parent_task_id" TEXT,
    "delegation_state" TEXT,
    "suspended" INTEGER,
    "form_key" TEXT,
    "form_ref" BLOB,
    "task_state" TEXT,
    "last_updated_ms" INTEGER,
    "removal_ms" INTEGER,
    "case_instance_id" TEXT,
    "live" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX task_instance_id ON task ("instance_id");
CREATE INDEX task_assignee ON task ("assignee") WHERE "ended_ms" IS NULL;
CREATE INDEX task_created_ms ON task ("created_ms") WHERE "ended_ms" IS NULL;

CREATE TABLE identity_link (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "task_id" TEXT,
    "definition_id" TEXT,
    "type" TEXT,
    "user_id" TEXT,
    "group_id" TEXT,
    "tenant_id" TEXT,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_link_task_id ON identity_link ("task_id");

CREATE TABLE identity_link_log (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "task_id" TEXT,
    "type" TEXT,
    "user_id" TEXT,
    "group_id" TEXT,
    "operation" TEXT,
    "occurred_ms" INTEGER,
    "assigner_id" TEXT,
    "removal_ms" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_link_log_task_id ON identity_link_log ("task_id");

CREATE TABLE incident (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "type" TEXT,
    "execution_id" TEXT,
    "activity_id" TEXT,
    "failed_activity_id" TEXT,
    "configuration" TEXT,
    "message" TEXT,
    "cause_incident_id" TEXT,
    "root_cause_incident_id" TEXT,
    "job_definition_id" TEXT,
    "created_ms" INTEGER,
    "ended_ms" INTEGER,
    "state" TEXT,
    "annotation" TEXT,
    "removal_ms" INTEGER,
    "history_configuration" TEXT,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_instance_id ON incident ("instance_id");
CREATE INDEX incident_created_ms ON incident ("created_ms") WHERE "ended_ms" IS NULL;
CREATE INDEX incident_configuration ON incident ("configuration");

CREATE TABLE external_task_log (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "external_task_id" TEXT,
    "execution_id" TEXT,
    "activity_id" TEXT,
    "activity_instance_id" TEXT,
    "topic" TEXT,
    "worker_id" TEXT,
    "priority" INTEGER,
    "retries" INTEGER,
    "error_message" TEXT,
    "error_details" TEXT,
    "state" TEXT,
    "occurred_ms" INTEGER,
    "removal_ms" INTEGER,
    "sequence" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX external_task_log_instance_id ON external_task_log ("instance_id");
CREATE INDEX external_task_log_external_task_id ON external_task_log ("external_task_id");

CREATE TABLE job_log (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "job_id" TEXT,
    "job_definition_id" TEXT,
    "execution_id" TEXT,
    "activity_id" TEXT,
    "job_type" TEXT,
    "job_configuration" TEXT,
    "due_ms" INTEGER,
    "retries" INTEGER,
    "priority" INTEGER,
    "message" TEXT,
    "stacktrace" TEXT,
    "failed_activity_id" TEXT,
    "deployment_id" TEXT,
    "state" TEXT,
    "occurred_ms" INTEGER,
    "removal_ms" INTEGER,
    "sequence" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX job_log_instance_id ON job_log ("instance_id");
CREATE INDEX job_log_job_id ON job_log ("job_id");

CREATE TABLE operation_log (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "operation_id" TEXT,
    "operation_type" TEXT,
    "entity_type" TEXT,
    "category" TEXT,
    "user_id" TEXT,
    "property" TEXT,
    "old_value" TEXT,
    "new_value" TEXT,
    "task_id" TEXT,
    "job_id" TEXT,
    "external_task_id" TEXT,
    "execution_id" TEXT,
    "job_definition_id" TEXT,
    "deployment_id" TEXT,
    "batch_id" TEXT,
    "annotation" TEXT,
    "occurred_ms" INTEGER,
    "removal_ms" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX operation_log_instance_id ON operation_log ("instance_id");
CREATE INDEX operation_log_deployment_id ON operation_log ("deployment_id") WHERE "deployment_id" IS NOT NULL;
