-- Batches that nobody published although their worker's claim ran out: another should have taken them over.
-- Those of tools, named in brackets, wait for the next worker without being overdue.
-- Parameters: $1 how many at the most. Locks: none.
select
    b.batch_id,
    b.worker,
    b.at,
    b.claimed_until,
    count(*) over () as total
from batch as b
where b.published_at is null and b.claimed_until < clock_timestamp() and b.worker not like '(%'
order by b.batch_id
limit $1
