-- Users, groups, tenants, authorizations, filters; comments and attachments. Bound to store/tables.py by a test.

CREATE TABLE identity_user (
    "id" text COLLATE "C" NOT NULL,
    "first_name" text COLLATE "C",
    "last_name" text COLLATE "C",
    "email" text COLLATE "C",
    "password" text COLLATE "C",
    "attempts" bigint,
    "lock_expires_ms" bigint,
    PRIMARY KEY ("id")
);

CREATE TABLE identity_group (
    "id" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C",
    "type" text COLLATE "C",
    PRIMARY KEY ("id")
);

CREATE TABLE identity_tenant (
    "id" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C",
    PRIMARY KEY ("id")
);

CREATE TABLE group_member (
    "id" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C",
    "group_id" text COLLATE "C",
    PRIMARY KEY ("id")
);
CREATE INDEX group_member_user_id ON group_member ("user_id");
CREATE INDEX group_member_group_id ON group_member ("group_id");

CREATE TABLE tenant_member (
    "id" text COLLATE "C" NOT NULL,
    "tenant_id" text COLLATE "C",
    "user_id" text COLLATE "C",
    "group_id" text COLLATE "C",
    PRIMARY KEY ("id")
);
CREATE INDEX tenant_member_tenant_id ON tenant_member ("tenant_id");
CREATE INDEX tenant_member_user_id ON tenant_member ("user_id");
CREATE INDEX tenant_member_group_id ON tenant_member ("group_id");

CREATE TABLE identity_authorization (
    "id" text COLLATE "C" NOT NULL,
    "type" bigint,
    "user_id" text COLLATE "C",
    "group_id" text COLLATE "C",
    "resource_type" bigint,
    "resource_id" text COLLATE "C",
    "permissions" bigint,
    "removal_ms" bigint,
    "root_id" text COLLATE "C",
    PRIMARY KEY ("id")
);
CREATE INDEX identity_authorization_user_id ON identity_authorization ("user_id");
CREATE INDEX identity_authorization_group_id ON identity_authorization ("group_id");
CREATE INDEX identity_authorization_resource_type_resource_id ON identity_authorization ("resource_type", "resource_id");

CREATE TABLE saved_filter (
    "id" text COLLATE "C" NOT NULL,
    "resource_type" text COLLATE "C",
    "name" text COLLATE "C",
    "owner" text COLLATE "C",
    "query" bytea,
    "properties" bytea,
    PRIMARY KEY ("id")
);

-- Views, projected from the log.

CREATE TABLE comment (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "task_id" text COLLATE "C",
    "process_instance_id" text COLLATE "C",
    "user_id" text COLLATE "C",
    "message" text COLLATE "C",
    "created_ms" bigint,
    "removal_ms" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX comment_instance_id ON comment ("instance_id");
CREATE INDEX comment_task_id ON comment ("task_id");

CREATE TABLE attachment (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "task_id" text COLLATE "C",
    "process_instance_id" text COLLATE "C",
    "name" text COLLATE "C",
    "description" text COLLATE "C",
    "type" text COLLATE "C",
    "url" text COLLATE "C",
    "content" bytea,
    "created_ms" bigint,
    "removal_ms" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX attachment_instance_id ON attachment ("instance_id");
CREATE INDEX attachment_task_id ON attachment ("task_id");

CREATE INDEX operation_log_operation_id ON operation_log ("operation_id");
