-- One step: finished orders go to the archive. Parameters: $1 only those untouched since before this day, $2 how
-- many to look at. Locks: functions/archive_orders.sql.
select looked, moved from archive_orders_v1($1, $2)
