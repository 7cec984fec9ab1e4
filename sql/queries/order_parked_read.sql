-- The events of these orders that wait. Parameters: $1 order numbers. Locks: none (the orders are locked).
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
from unnest($1::bigint []) as u (order_no)
inner join parked as p on p.order_no = u.order_no
order by p.arrival
