-- See sql/functions/count_finer.sql. Parameters: $1 item number, $2 decimal places.
-- Locks: the item, FOR NO KEY UPDATE.
select count_finer_v1($1::int, $2::smallint)
