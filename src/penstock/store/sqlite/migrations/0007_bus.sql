-- What goes out over a bus, messages that came too early, leases of work that one node does at a time, and the request
-- under which a task lies with a bus. `outbox` was never used before. Bound to store/tables.py by a test.

ALTER TABLE external_task ADD COLUMN "request_id" TEXT;

DROP TABLE outbox;

CREATE TABLE outbox (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "instance_id" TEXT,
    "revision" INTEGER,
    "connection" TEXT,
    "channel" TEXT,
    "slot" INTEGER,
    "key" TEXT,
    "position" INTEGER,
    "body" BLOB,
    "content_type" TEXT,
    "headers" BLOB,
    "external_task_id" TEXT,
    "timeout_ms" INTEGER,
    "created_ms" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT;
CREATE INDEX outbox_connection_position ON outbox ("connection", "position");

CREATE TABLE early_message (
    "id" TEXT NOT NULL,
    "bridge" TEXT,
    "name" TEXT,
    "business_key" TEXT,
    "message" BLOB,
    "created_ms" INTEGER,
    "expires_ms" INTEGER,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX early_message_name_created_ms ON early_message ("name", "created_ms");
CREATE INDEX early_message_expires_ms ON early_message ("expires_ms");

CREATE TABLE lease (
    "name" TEXT NOT NULL,
    "owner" TEXT,
    "expires_ms" INTEGER,
    PRIMARY KEY ("name")
) STRICT;
