-- The frames of these batches. Parameters: $1 batch ids. Locks: none.
select b.batch_id, b.frames from batch as b
where b.batch_id = any($1::bigint [])
