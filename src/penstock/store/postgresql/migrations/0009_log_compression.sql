-- A batch's row of the log is long enough to be compressed, and pglz took as long for that as all the rest of the commit.
-- Some servers are built without lz4, and before 14 there is no choice: they go on as they were.
DO $$
BEGIN
    EXECUTE 'ALTER TABLE event_log ALTER COLUMN payload SET COMPRESSION lz4';
EXCEPTION
    WHEN feature_not_supported OR syntax_error THEN NULL;
END
$$;
