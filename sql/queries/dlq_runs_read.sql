-- Runs of the replay tool, the newest first. Parameters: $1 id, null for all, $2 how many at the most. Locks: none.
select
    r.run_id,
    r.kind,
    r.who,
    r.dlq_topic,
    r.selection,
    r.ends,
    r.to_topic,
    r.reason,
    r.started_at,
    r.ended_at,
    r.ended,
    r.counts
from dlq_run as r
where $1::uuid is null or r.run_id = $1
order by r.started_at desc, r.run_id
limit $2
