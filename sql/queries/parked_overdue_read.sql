-- Events that have waited past their deadline, the longest overdue first.
-- Parameters: $1 consumer group, $2 its input topics, $3 how many at the most, $4 a moment to take
-- for the present instead, all being read up to it (null: the clock). Locks: none.
-- None is overdue before every partition of every topic is read past its deadline: what it waits for may still be
-- unread there (functions/read_up_to.sql).
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
from read_up_to_v1($1, $2::text [], $4) as g (passed_at)
inner join parked as p on p.until < g.passed_at
order by p.until, p.arrival
limit $3
