-- Drop months of the archives. Parameters: $1 those that ended before this. Locks: functions/archive_drop.sql.
select archive_drop_v1($1) as dropped
