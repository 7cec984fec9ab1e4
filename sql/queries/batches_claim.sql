-- Take over outbox rows that their worker did not close in time. Parameters: $1 how long the claim lasts
-- (interval), $2 how many, $3 worker. Locks: their rows, for this statement only.
update batch as b
set claimed_until = clock_timestamp() + $1, worker = $3
where b.batch_id in (
    select c.batch_id from batch as c
    where c.published_at is null and c.claimed_until < clock_timestamp()
    order by c.batch_id
    limit $2
    for update skip locked
)
returning b.batch_id, b.frames
