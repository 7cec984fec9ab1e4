-- One step: carts that nobody has heard of for long are forgotten. Parameters: $1 only those untouched since before
-- this day, $2 how many at the most. Locks: functions/archive_carts.sql.
select archive_carts_v1($1, $2) as forgotten
