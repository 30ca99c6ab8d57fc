-- The versions of results documents that the worker of a task was given. Bound to store/tables.py by a test.

ALTER TABLE external_task ADD COLUMN "seen_results" bytea;
