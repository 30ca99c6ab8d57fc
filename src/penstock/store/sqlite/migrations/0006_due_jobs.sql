-- Jobs that are due at once are leased in their order, of ten thousand of one instance too. Bound to store/tables.py by a test.

DROP INDEX job_due_ms;
CREATE INDEX job_due_ms_priority_created_ms ON job ("due_ms", "priority" DESC, "created_ms") WHERE "lease_owner" IS NULL;
