-- Failed work that is tried again in bulk: what was asked for, and what each share has come to.

CREATE TABLE reprocessing (
    "id" TEXT NOT NULL,
    "filter" BLOB,
    "total" INTEGER,
    "retries" INTEGER,
    "rate" REAL,
    "started_ms" INTEGER,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX reprocessing_started_ms ON reprocessing ("started_ms");

CREATE TABLE reprocessed (
    "id" TEXT NOT NULL,
    "batch_id" TEXT,
    "ids" BLOB,
    "retried" INTEGER,
    "skipped" INTEGER,
    "done_ms" INTEGER,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX reprocessed_batch_id ON reprocessed ("batch_id");
