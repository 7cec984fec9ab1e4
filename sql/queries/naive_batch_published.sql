-- Bench's naive worker: close an outbox row. Parameters: $1 its number. Locks: the row.
update batch
set published_at = now()
where batch_id = $1
