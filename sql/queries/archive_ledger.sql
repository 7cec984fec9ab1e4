-- One step: the oldest movements go to the archive. Parameters: $1 only older than this, $2 of how many batches at
-- the most. Locks: functions/archive_ledger.sql.
select archive_ledger_v1($1, $2) as moved
