-- Bench's naive worker: whether an event was answered before. Parameters: $1 event id, $2 source.
-- Locks: none.
select e.outcome from event as e
where e.event_id = $1 and e.source_no = $2
