-- Close outbox rows whose records are all acknowledged. Parameters: $1 batch ids, $2 worker: what another one
-- has taken over is its to close. Locks: their rows.
update batch
set published_at = clock_timestamp()
where batch_id = any($1::bigint []) and worker = $2 and published_at is null
