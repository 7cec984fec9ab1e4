-- The frames of batches from one to another, oldest first. Parameters: $1 before the first batch id, $2 the
-- last (null: the newest), $3 how many at the most. Locks: none.
select b.batch_id, b.frames from batch as b
where b.batch_id > $1 and ($2::bigint is null or b.batch_id <= $2)
order by b.batch_id
limit $3
