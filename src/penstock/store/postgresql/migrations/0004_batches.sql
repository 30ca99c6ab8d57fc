-- Batches and what their seed jobs have still to make jobs for. Bound to store/tables.py by a test.

CREATE TABLE batch (
    "id" text COLLATE "C" NOT NULL,
    "type" text COLLATE "C",
    "total_jobs" bigint,
    "jobs_created" bigint,
    "jobs_per_seed" bigint,
    "invocations_per_job" bigint,
    "seed_job_definition_id" text COLLATE "C",
    "monitor_job_definition_id" text COLLATE "C",
    "job_definition_id" text COLLATE "C",
    "configuration" bytea,
    "suspended" boolean,
    "tenant_id" text COLLATE "C",
    "user_id" text COLLATE "C",
    "started_ms" bigint,
    "execution_started_ms" bigint,
    "ended_ms" bigint,
    "removal_ms" bigint,
    PRIMARY KEY ("id")
);
CREATE INDEX batch_type ON batch ("type");

CREATE TABLE batch_part (
    "id" text COLLATE "C" NOT NULL,
    "batch_id" text COLLATE "C",
    "number" bigint,
    "ids" bytea,
    PRIMARY KEY ("id")
);
CREATE INDEX batch_part_batch_id ON batch_part ("batch_id");

CREATE INDEX job_job_definition_id ON job ("job_definition_id") WHERE "instance_id" IS NULL;
