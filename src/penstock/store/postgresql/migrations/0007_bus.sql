-- What goes out over a bus, messages that came too early, leases of work that one node does at a time, and the request
-- under which a task lies with a bus. `outbox` was never used before. Bound to store/tables.py by a test.

ALTER TABLE external_task ADD COLUMN "request_id" text COLLATE "C";

DROP TABLE outbox;

CREATE TABLE outbox (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "instance_id" text COLLATE "C",
    "revision" bigint,
    "connection" text COLLATE "C",
    "channel" text COLLATE "C",
    "slot" bigint,
    "key" text COLLATE "C",
    "position" bigint,
    "body" bytea,
    "content_type" text COLLATE "C",
    "headers" bytea,
    "external_task_id" text COLLATE "C",
    "timeout_ms" bigint,
    "created_ms" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX outbox_connection_position ON outbox ("connection", "position");

CREATE TABLE early_message (
    "id" text COLLATE "C" NOT NULL,
    "bridge" text COLLATE "C",
    "name" text COLLATE "C",
    "business_key" text COLLATE "C",
    "message" bytea,
    "created_ms" bigint,
    "expires_ms" bigint,
    PRIMARY KEY ("id")
);
CREATE INDEX early_message_name_created_ms ON early_message ("name", "created_ms");
CREATE INDEX early_message_expires_ms ON early_message ("expires_ms");

CREATE TABLE lease (
    "name" text COLLATE "C" NOT NULL,
    "owner" text COLLATE "C",
    "expires_ms" bigint,
    PRIMARY KEY ("name")
);
