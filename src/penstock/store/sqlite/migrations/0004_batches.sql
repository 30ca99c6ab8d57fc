-- Batches and what their seed jobs have still to make jobs for. Bound to store/tables.py by a test.

CREATE TABLE batch (
    "id" TEXT NOT NULL,
    "type" TEXT,
    "total_jobs" INTEGER,
    "jobs_created" INTEGER,
    "jobs_per_seed" INTEGER,
    "invocations_per_job" INTEGER,
    "seed_job_definition_id" TEXT,
    "monitor_job_definition_id" TEXT,
    "job_definition_id" TEXT,
    "configuration" BLOB,
    "suspended" INTEGER,
    "tenant_id" TEXT,
    "user_id" TEXT,
    "started_ms" INTEGER,
    "execution_started_ms" INTEGER,
    "ended_ms" INTEGER,
    "removal_ms" INTEGER,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX batch_type ON batch ("type");

CREATE TABLE batch_part (
    "id" TEXT NOT NULL,
    "batch_id" TEXT,
    "number" INTEGER,
    "ids" BLOB,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX batch_part_batch_id ON batch_part ("batch_id");

CREATE INDEX job_job_definition_id ON job ("job_definition_id") WHERE "instance_id" IS NULL;
