-- Users, groups, tenants, authorizations, filters; comments and attachments. Bound to store/tables.py by a test.

CREATE TABLE identity_user (
    "id" TEXT NOT NULL,
    "first_name" TEXT,
    "last_name" TEXT,
    "email" TEXT,
    "password" TEXT,
    "attempts" INTEGER,
    "lock_expires_ms" INTEGER,
    PRIMARY KEY ("id")
) STRICT;

CREATE TABLE identity_group (
    "id" TEXT NOT NULL,
    "name" TEXT,
    "type" TEXT,
    PRIMARY KEY ("id")
) STRICT;

CREATE TABLE identity_tenant (
    "id" TEXT NOT NULL,
    "name" TEXT,
    PRIMARY KEY ("id")
) STRICT;

CREATE TABLE group_member (
    "id" TEXT NOT NULL,
    "user_id" TEXT,
    "group_id" TEXT,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX group_member_user_id ON group_member ("user_id");
CREATE INDEX group_member_group_id ON group_member ("group_id");

CREATE TABLE tenant_member (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT,
    "user_id" TEXT,
    "group_id" TEXT,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX tenant_member_tenant_id ON tenant_member ("tenant_id");
CREATE INDEX tenant_member_user_id ON tenant_member ("user_id");
CREATE INDEX tenant_member_group_id ON tenant_member ("group_id");

CREATE TABLE identity_authorization (
    "id" TEXT NOT NULL,
    "type" INTEGER,
    "user_id" TEXT,
    "group_id" TEXT,
    "resource_type" INTEGER,
    "resource_id" TEXT,
    "permissions" INTEGER,
    "removal_ms" INTEGER,
    "root_id" TEXT,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX identity_authorization_user_id ON identity_authorization ("user_id");
CREATE INDEX identity_authorization_group_id ON identity_authorization ("group_id");
CREATE INDEX identity_authorization_resource_type_resource_id ON identity_authorization ("resource_type", "resource_id");

CREATE TABLE saved_filter (
    "id" TEXT NOT NULL,
    "resource_type" TEXT,
    "name" TEXT,
    "owner" TEXT,
    "query" BLOB,
    "properties" BLOB,
    PRIMARY KEY ("id")
) STRICT;

-- Views, projected from the log.

CREATE TABLE comment (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "task_id" TEXT,
    "process_instance_id" TEXT,
    "user_id" TEXT,
    "message" TEXT,
    "created_ms" INTEGER,
    "removal_ms" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX comment_instance_id ON comment ("instance_id");
CREATE INDEX comment_task_id ON comment ("task_id");

CREATE TABLE attachment (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "task_id" TEXT,
    "process_instance_id" TEXT,
    "name" TEXT,
    "description" TEXT,
    "type" TEXT,
    "url" TEXT,
    "content" BLOB,
    "created_ms" INTEGER,
    "removal_ms" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT, WITHOUT ROWID;
CREATE INDEX attachment_instance_id ON attachment ("instance_id");
CREATE INDEX attachment_task_id ON attachment ("task_id");

CREATE INDEX operation_log_operation_id ON operation_log ("operation_id");
