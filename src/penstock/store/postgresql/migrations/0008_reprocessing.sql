-- Failed work that is tried again in bulk: what was asked for, and what each share has come to.

CREATE TABLE reprocessing (
    "id" text COLLATE "C" NOT NULL,
    "filter" bytea,
    "total" bigint,
    "retries" bigint,
    "rate" double precision,
    "started_ms" bigint,
    PRIMARY KEY ("id")
);
CREATE INDEX reprocessing_started_ms ON reprocessing ("started_ms");

CREATE TABLE reprocessed (
    "id" text COLLATE "C" NOT NULL,
    "batch_id" text COLLATE "C",
    "ids" bytea,
    "retried" bigint,
    "skipped" bigint,
    "done_ms" bigint,
    PRIMARY KEY ("id")
);
CREATE INDEX reprocessed_batch_id ON reprocessed ("batch_id");
