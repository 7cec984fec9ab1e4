-- What became of the worker's own dead letters, by where their records stood. Parameters: $1 topics, $2 partitions,
-- $3 offsets, $4 timestamps, $5 state. Locks: these dead letters, in no order: the caller holds no other lock.
update dead_letter as d
set state = $5
from unnest($1::text [], $2::int [], $3::bigint [], $4::bigint [])
    as u (topic, partition, record_offset, timestamp_ms)
inner join topic as t on t.topic = u.topic
where
    d.topic_no = t.topic_no
    and d.partition = u.partition
    and d.record_offset = u.record_offset
    and d.timestamp_ms = u.timestamp_ms
