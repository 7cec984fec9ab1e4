-- Bench's naive worker: the outbox row of one event. Parameters: $1 its number, $2 worker, $3 frames.
-- Locks: none beyond the row.
insert into batch (batch_id, worker, at, claimed_until, frames)
values ($1, $2, now(), now() + interval '1 minute', $3)
