-- The layout of the first release. Bound to store/tables.py by a test.

-- One row: which migrations have run, and how often definitions have changed.
CREATE TABLE meta (
    one bigint PRIMARY KEY CHECK (one = 1),
    version bigint NOT NULL,
    epoch bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO meta (one, version, epoch) VALUES (1, 0, 0);

-- Heads up to 4 kB are rewritten at every wait state: keep them in line and uncompressed. Rows that live shortly and are
-- updated a few times (here, external tasks, jobs) leave room on their page for that: then no index is written to, which
-- took a third off fetchAndLock.
CREATE TABLE instance (
    shard bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    root text COLLATE "C" NOT NULL,
    definition text COLLATE "C",
    revision bigint NOT NULL,
    head bytea NOT NULL,
    PRIMARY KEY (shard, id)
) WITH (
    fillfactor = 40, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000
);

CREATE TABLE instance_chunk (
    shard bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (shard, id, number)
) WITH (
    fillfactor = 80, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000
);

CREATE TABLE event_log (
    stream text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    format bigint NOT NULL,
    at_ms bigint NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (stream, position)
);

-- `owner` counts the claims of a stream: a commit of an earlier owner is refused.
CREATE TABLE stream_head (
    stream text COLLATE "C" NOT NULL PRIMARY KEY,
    position bigint NOT NULL,
    owner bigint NOT NULL
) WITH (fillfactor = 20);

CREATE TABLE view_position (
    projection text COLLATE "C" NOT NULL,
    stream text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (projection, stream)
) WITH (fillfactor = 20);

CREATE TABLE inbox (
    key text COLLATE "C" NOT NULL PRIMARY KEY,
    answer bytea NOT NULL,
    expires_ms bigint NOT NULL
);
CREATE INDEX inbox_expires_ms ON inbox (expires_ms);

CREATE TABLE outbox (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    key text COLLATE "C" NOT NULL,
    payload bytea NOT NULL,
    created_ms bigint NOT NULL,
    done_ms bigint
);
CREATE INDEX outbox_created_ms ON outbox (created_ms) WHERE done_ms IS NULL;

-- Ready rows: work that others must find.

CREATE TABLE external_task (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "execution_id" text COLLATE "C",
    "activity_id" text COLLATE "C",
    "activity_instance_id" text COLLATE "C",
    "version_tag" text COLLATE "C",
    "topic" text COLLATE "C",
    "priority" bigint,
    "retries" bigint,
    "error_message" text COLLATE "C",
    "error_details" text COLLATE "C",
    "worker_id" text COLLATE "C",
    "lock_expires_ms" bigint,
    "suspended" boolean,
    "business_key" text COLLATE "C",
    "created_ms" bigint,
    "properties" bytea,
    PRIMARY KEY ("shard", "id")
) WITH (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX external_task_topic_priority_created_ms ON external_task ("topic", "priority" DESC, "created_ms");
CREATE INDEX external_task_topic_created_ms ON external_task ("topic", "created_ms");
CREATE INDEX external_task_instance_id ON external_task ("instance_id");

CREATE TABLE job (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "execution_id" text COLLATE "C",
    "activity_id" text COLLATE "C",
    "job_definition_id" text COLLATE "C",
    "deployment_id" text COLLATE "C",
    "kind" text COLLATE "C",
    "configuration" text COLLATE "C",
    "due_ms" bigint,
    "retries" bigint,
    "priority" bigint,
    "exclusive" boolean,
    "suspended" boolean,
    "created_ms" bigint,
    "message" text COLLATE "C",
    "stacktrace" text COLLATE "C",
    "failed_activity_id" text COLLATE "C",
    "lease_owner" text COLLATE "C",
    "lease_expires_ms" bigint,
    "cycle" text COLLATE "C",
    "repeat_left" bigint,
    "flow" text COLLATE "C",
    "payload" bytea,
    "failure_log_id" text COLLATE "C",
    PRIMARY KEY ("shard", "id")
) WITH (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX job_due_ms ON job ("due_ms") WHERE "lease_owner" IS NULL;
CREATE INDEX job_lease_expires_ms ON job ("lease_expires_ms") WHERE "lease_owner" IS NOT NULL;
CREATE INDEX job_instance_id ON job ("instance_id");
CREATE INDEX job_definition_id ON job ("definition_id");

CREATE TABLE event_subscription (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "execution_id" text COLLATE "C",
    "activity_id" text COLLATE "C",
    "type" text COLLATE "C",
    "name" text COLLATE "C",
    "configuration" text COLLATE "C",
    "created_ms" bigint,
    PRIMARY KEY ("shard", "id")
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX event_subscription_type_name ON event_subscription ("type", "name");
CREATE INDEX event_subscription_instance_id ON event_subscription ("instance_id");
CREATE INDEX event_subscription_definition_id ON event_subscription ("definition_id");

CREATE TABLE user_task (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    PRIMARY KEY ("shard", "id")
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- Definitions and settings.

CREATE TABLE deployment (
    "id" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C",
    "source" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "deployed_ms" bigint,
    PRIMARY KEY ("id")
);
CREATE INDEX deployment_name ON deployment ("name");

CREATE TABLE resource (
    "id" text COLLATE "C" NOT NULL,
    "deployment_id" text COLLATE "C",
    "name" text COLLATE "C",
    "content" bytea,
    "digest" text COLLATE "C",
    PRIMARY KEY ("id")
);
CREATE INDEX resource_deployment_id ON resource ("deployment_id");

CREATE TABLE process_definition (
    "id" text COLLATE "C" NOT NULL,
    "key" text COLLATE "C",
    "version" bigint,
    "name" text COLLATE "C",
    "category" text COLLATE "C",
    "description" text COLLATE "C",
    "deployment_id" text COLLATE "C",
    "resource_name" text COLLATE "C",
    "diagram_name" text COLLATE "C",
    "suspended" boolean,
    "tenant_id" text COLLATE "C",
    "version_tag" text COLLATE "C",
    "history_time_to_live" bigint,
    "startable_in_tasklist" boolean,
    "start_form_key" boolean,
    "deployed_ms" bigint,
    "latest" boolean,
    PRIMARY KEY ("id")
);
CREATE INDEX process_definition_key_version ON process_definition ("key", "version");
CREATE INDEX process_definition_deployment_id ON process_definition ("deployment_id");

CREATE TABLE job_definition (
    "id" text COLLATE "C" NOT NULL,
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "activity_id" text COLLATE "C",
    "type" text COLLATE "C",
    "configuration" text COLLATE "C",
    "job_priority" bigint,
    "suspended" boolean,
    "tenant_id" text COLLATE "C",
    "deployment_id" text COLLATE "C",
    PRIMARY KEY ("id")
);
CREATE INDEX job_definition_definition_id ON job_definition ("definition_id");
CREATE INDEX job_definition_deployment_id ON job_definition ("deployment_id");

CREATE TABLE setting (
    "name" text COLLATE "C" NOT NULL,
    "value" bytea,
    PRIMARY KEY ("name")
);

-- Views, projected from the log.

CREATE TABLE process_instance (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "definition_name" text COLLATE "C",
    "definition_version" bigint,
    "business_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "started_ms" bigint,
    "ended_ms" bigint,
    "duration_ms" bigint,
    "removal_ms" bigint,
    "start_user_id" text COLLATE "C",
    "start_activity_id" text COLLATE "C",
    "end_activity_id" text COLLATE "C",
    "delete_reason" text COLLATE "C",
    "super_instance_id" text COLLATE "C",
    "super_execution_id" text COLLATE "C",
    "case_instance_id" text COLLATE "C",
    "state" text COLLATE "C",
    "suspended" boolean,
    PRIMARY KEY ("shard", "id")
) WITH (fillfactor = 80);
CREATE INDEX process_instance_definition_id ON process_instance ("definition_id");
CREATE INDEX process_instance_business_key ON process_instance ("business_key") WHERE "business_key" IS NOT NULL;
CREATE INDEX process_instance_super_instance_id ON process_instance ("super_instance_id") WHERE "super_instance_id" IS NOT NULL;
CREATE INDEX process_instance_definition_key ON process_instance ("definition_key") WHERE "ended_ms" IS NULL;

CREATE TABLE execution (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "parent_id" text COLLATE "C",
    "kind" text COLLATE "C",
    "activity_id" text COLLATE "C",
    "suspended" boolean,
    "business_key" text COLLATE "C",
    PRIMARY KEY ("shard", "id")
) WITH (fillfactor = 80);
CREATE INDEX execution_instance_id ON execution ("instance_id");

CREATE TABLE activity_instance (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "parent_id" text COLLATE "C",
    "execution_id" text COLLATE "C",
    "activity_id" text COLLATE "C",
    "name" text COLLATE "C",
    "type" text COLLATE "C",
    "task_id" text COLLATE "C",
    "called_instance_id" text COLLATE "C",
    "called_case_instance_id" text COLLATE "C",
    "assignee" text COLLATE "C",
    "started_ms" bigint,
    "ended_ms" bigint,
    "duration_ms" bigint,
    "canceled" boolean,
    "completes_scope" boolean,
    "removal_ms" bigint,
    "sequence" bigint,
    PRIMARY KEY ("shard", "id")
) WITH (fillfactor = 85);
CREATE INDEX activity_instance_instance_id ON activity_instance ("instance_id");

CREATE TABLE variable (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "name" text COLLATE "C",
    "type" text COLLATE "C",
    "text_value" text COLLATE "C",
    "long_value" bigint,
    "double_value" double precision,
    "bytes_value" bytea,
    "info" bytea,
    "execution_id" text COLLATE "C",
    "task_id" text COLLATE "C",
    "activity_instance_id" text COLLATE "C",
    "state" text COLLATE "C",
    "live" boolean,
    "created_ms" bigint,
    "removal_ms" bigint,
    "revision" bigint,
    PRIMARY KEY ("shard", "id")
) WITH (fillfactor = 85);
CREATE INDEX variable_instance_id ON variable ("instance_id");
CREATE INDEX variable_task_id ON variable ("task_id") WHERE "task_id" IS NOT NULL;
CREATE INDEX variable_name_text_value ON variable ("name", left("text_value", 256));

CREATE TABLE detail (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "type" text COLLATE "C",
    "variable_id" text COLLATE "C",
    "name" text COLLATE "C",
    "variable_type" text COLLATE "C",
    "text_value" text COLLATE "C",
    "long_value" bigint,
    "double_value" double precision,
    "bytes_value" bytea,
    "info" bytea,
    "execution_id" text COLLATE "C",
    "task_id" text COLLATE "C",
    "activity_instance_id" text COLLATE "C",
    "revision" bigint,
    "initial" boolean,
    "occurred_ms" bigint,
    "removal_ms" bigint,
    "operation_id" text COLLATE "C",
    "sequence" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX detail_instance_id ON detail ("instance_id");

CREATE TABLE task (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "execution_id" text COLLATE "C",
    "activity_instance_id" text COLLATE "C",
    "task_key" text COLLATE "C",
    "name" text COLLATE "C",
    "description" text COLLATE "C",
    "assignee" text COLLATE "C",
    "owner" text COLLATE "C",
    "priority" bigint,
    "due_ms" bigint,
    "follow_up_ms" bigint,
    "created_ms" bigint,
    "ended_ms" bigint,
    "duration_ms" bigint,
    "delete_reason" text COLLATE "C",
    "parent_task_id" text COLLATE "C",
    "delegation_state" text COLLATE "C",
    "suspended" boolean,
    "form_key" text COLLATE "C",
    "form_ref" bytea,
    "task_state" text COLLATE "C",
    "last_updated_ms" bigint,
    "removal_ms" bigint,
    "case_instance_id" text COLLATE "C",
    "live" boolean,
    PRIMARY KEY ("shard", "id")
) WITH (fillfactor = 80);
CREATE INDEX task_instance_id ON task ("instance_id");
CREATE INDEX task_assignee ON task ("assignee") WHERE "ended_ms" IS NULL;
CREATE INDEX task_created_ms ON task ("created_ms" NULLS FIRST) WHERE "ended_ms" IS NULL;

CREATE TABLE identity_link (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "task_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "type" text COLLATE "C",
    "user_id" text COLLATE "C",
    "group_id" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX identity_link_task_id ON identity_link ("task_id");

CREATE TABLE identity_link_log (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "task_id" text COLLATE "C",
    "type" text COLLATE "C",
    "user_id" text COLLATE "C",
    "group_id" text COLLATE "C",
    "operation" text COLLATE "C",
    "occurred_ms" bigint,
    "assigner_id" text COLLATE "C",
    "removal_ms" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX identity_link_log_task_id ON identity_link_log ("task_id");

CREATE TABLE incident (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "type" text COLLATE "C",
    "execution_id" text COLLATE "C",
    "activity_id" text COLLATE "C",
    "failed_activity_id" text COLLATE "C",
    "configuration" text COLLATE "C",
    "message" text COLLATE "C",
    "cause_incident_id" text COLLATE "C",
    "root_cause_incident_id" text COLLATE "C",
    "job_definition_id" text COLLATE "C",
    "created_ms" bigint,
    "ended_ms" bigint,
    "state" text COLLATE "C",
    "annotation" text COLLATE "C",
    "removal_ms" bigint,
    "history_configuration" text COLLATE "C",
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX incident_instance_id ON incident ("instance_id");
CREATE INDEX incident_created_ms ON incident ("created_ms" NULLS FIRST) WHERE "ended_ms" IS NULL;
CREATE INDEX incident_configuration ON incident ("configuration");

CREATE TABLE external_task_log (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "external_task_id" text COLLATE "C",
    "execution_id" text COLLATE "C",
    "activity_id" text COLLATE "C",
    "activity_instance_id" text COLLATE "C",
    "topic" text COLLATE "C",
    "worker_id" text COLLATE "C",
    "priority" bigint,
    "retries" bigint,
    "error_message" text COLLATE "C",
    "error_details" text COLLATE "C",
    "state" text COLLATE "C",
    "occurred_ms" bigint,
    "removal_ms" bigint,
    "sequence" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX external_task_log_instance_id ON external_task_log ("instance_id");
CREATE INDEX external_task_log_external_task_id ON external_task_log ("external_task_id");

CREATE TABLE job_log (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "job_id" text COLLATE "C",
    "job_definition_id" text COLLATE "C",
    "execution_id" text COLLATE "C",
    "activity_id" text COLLATE "C",
    "job_type" text COLLATE "C",
    "job_configuration" text COLLATE "C",
    "due_ms" bigint,
    "retries" bigint,
    "priority" bigint,
    "message" text COLLATE "C",
    "stacktrace" text COLLATE "C",
    "failed_activity_id" text COLLATE "C",
    "deployment_id" text COLLATE "C",
    "state" text COLLATE "C",
    "occurred_ms" bigint,
    "removal_ms" bigint,
    "sequence" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX job_log_instance_id ON job_log ("instance_id");
CREATE INDEX job_log_job_id ON job_log ("job_id");

CREATE TABLE operation_log (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "operation_id" text COLLATE "C",
    "operation_type" text COLLATE "C",
    "entity_type" text COLLATE "C",
    "category" text COLLATE "C",
    "user_id" text COLLATE "C",
    "property" text COLLATE "C",
    "old_value" text COLLATE "C",
    "new_value" text COLLATE "C",
    "task_id" text COLLATE "C",
    "job_id" text COLLATE "C",
    "external_task_id" text COLLATE "C",
    "execution_id" text COLLATE "C",
    "job_definition_id" text COLLATE "C",
    "deployment_id" text COLLATE "C",
    "batch_id" text COLLATE "C",
    "annotation" text COLLATE "C",
    "occurred_ms" bigint,
    "removal_ms" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX operation_log_instance_id ON operation_log ("instance_id");
CREATE INDEX operation_log_deployment_id ON operation_log ("deployment_id") WHERE "deployment_id" IS NOT NULL;
