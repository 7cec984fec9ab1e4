-- The state of dead letters, in the order given: as the replay tool left it, else as the worker knows it.
-- Parameters: $1 dead-letter topic, $2 its partitions, $3 offsets, $4 timestamps; where each record stood: $5 topics,
-- $6 partitions, $7 offsets, $8 timestamps, null where not known. Locks: none.
select coalesce(h.state, d.state, 'open') as state
from unnest($2::int [], $3::bigint [], $4::bigint [], $5::text [], $6::int [], $7::bigint [], $8::bigint [])
    with ordinality
    as u (partition, record_offset, timestamp_ms, topic, from_partition, from_offset, from_timestamp_ms, place)
left join dlq_handled as h
    on
        h.dlq_topic = $1
        and h.partition = u.partition
        and h.record_offset = u.record_offset
        and h.timestamp_ms = u.timestamp_ms
left join topic as t on t.topic = u.topic
left join dead_letter as d
    on
        d.topic_no = t.topic_no
        and d.partition = u.from_partition
        and d.record_offset = u.from_offset
        and d.timestamp_ms = u.from_timestamp_ms
order by u.place
