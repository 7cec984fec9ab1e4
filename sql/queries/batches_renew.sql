-- Renew a worker's claims on outbox rows; gives those that are still its own and not closed.
-- Parameters: $1 how long the claims last (interval), $2 worker, $3 batch ids. Locks: their rows.
update batch
set claimed_until = clock_timestamp() + $1
where batch_id = any($3::bigint []) and worker = $2 and published_at is null
returning batch_id
