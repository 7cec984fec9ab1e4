-- One step: the oldest answers with their inbox rows go to the archives. Parameters: $1 only older than this, $2 how
-- many batches at the most. Locks: functions/archive_inbox.sql.
select archive_inbox_v1($1, $2) as moved
