-- Record dead letters by position; one that is there already was written before a redelivery.
-- Parameters: $1 topic numbers, $2 partitions, $3 offsets, $4 timestamps, $5 reasons, $6 event ids,
-- $7 sources, $8 places in the archive, $9 when. Locks: the new keys in sorted order.
insert into dead_letter (
    topic_no, partition, record_offset, timestamp_ms, reason, event_id, source, place, at
)
select
    u.topic_no,
    u.partition,
    u.record_offset,
    u.timestamp_ms,
    u.reason,
    u.event_id,
    u.source,
    u.place,
    $9
from unnest($1::smallint [], $2::int [], $3::bigint [], $4::bigint [], $5::text [], $6::text [], $7::text [],
    $8::bigint [])
    as u (topic_no, partition, record_offset, timestamp_ms, reason, event_id, source, place)
order by u.topic_no, u.partition, u.record_offset, u.timestamp_ms
on conflict do nothing
