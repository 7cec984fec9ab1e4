-- Close outbox rows whose records are all acknowledged. Parameters: $1 batch ids. Locks: their rows.
update batch
set published_at = clock_timestamp()
where batch_id = any($1::bigint []) and published_at is null
