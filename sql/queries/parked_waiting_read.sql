-- Events that wait for any of these things, oldest first.
-- Parameters: $1 wait kinds, $2 wait keys, $3 how many at the most, $4 the last arrival not to be read again.
-- Locks: none.
select
    p.event_id,
    p.source_no,
    p.arrival,
    p.waits_kind,
    p.waits_key,
    p.order_no,
    p.until,
    p.topic_no,
    p.partition,
    p.record_offset,
    p.timestamp_ms,
    p.key,
    p.value,
    p.headers
from parked as p
inner join unnest($1::smallint [], $2::text []) as w (kind, key) on w.kind = p.waits_kind and w.key = p.waits_key
where p.arrival > $4
order by p.arrival
limit $3
