-- Let a consumer group read partitions again from these offsets on; what was not read as far stays as it is.
-- Parameters: $1 consumer group, parallel arrays of $2 topics, $3 partitions, $4 next offsets.
-- Locks: progress rows, sorted by topic and partition. Deadlines wait until the partitions are read to the end again.
with held as (
    select p.topic, p.partition, u.next_offset
    from consumer_progress as p
    inner join unnest($2::text [], $3::int [], $4::bigint []) as u (topic, partition, next_offset)
        on p.topic = u.topic and p.partition = u.partition
    where p.consumer_group = $1 and p.next_offset > u.next_offset
    order by p.topic collate "C", p.partition
    for no key update of p
)

update consumer_progress as p set
    next_offset = h.next_offset,
    record_time = null,
    caught_up_at = null
from held as h
where p.consumer_group = $1 and p.topic = h.topic and p.partition = h.partition
