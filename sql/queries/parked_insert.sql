-- Park events with their records, so that they can be judged again or dead-lettered byte for byte.
-- Parameters: parallel arrays, in order of arrival. Locks: the new rows (guarded by the inbox keys).
insert into parked (
    event_id, source_no, waits_kind, waits_key, order_no, until, parked_at, topic_no, partition, record_offset,
    timestamp_ms, key, value, headers
)
select
    u.event_id,
    u.source_no,
    u.waits_kind,
    u.waits_key,
    u.order_no,
    u.until,
    $14,
    u.topic_no,
    u.partition,
    u.record_offset,
    u.timestamp_ms,
    u.key,
    u.value,
    u.headers
from unnest($1::text [], $2::int [], $3::smallint [], $4::text [], $5::bigint [], $6::timestamptz [],
    $7::smallint [], $8::int [], $9::bigint [], $10::bigint [], $11::bytea [], $12::bytea [], $13::bytea [])
    with ordinality as u (event_id, source_no, waits_kind, waits_key, order_no, until, topic_no, partition,
    record_offset, timestamp_ms, key, value, headers, place)
order by u.place
