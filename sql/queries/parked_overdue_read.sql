-- Events that have waited past their deadline, the longest overdue first.
-- Parameters: $1 consumer group, $2 its input topics, $3 how many at the most, $4 a moment to take
-- for the present instead, all being read up to it (null: the clock and the gate below). Locks: none.
-- None is overdue before every partition of every topic is read past its deadline: what it waits for may still be
-- unread there. A partition that nobody has looked at yet holds all deadlines up.
with gate as (
    select
        case
            when $4::timestamptz is not null then $4::timestamptz
            when count(distinct p.topic) = cardinality($2::text [])
                then least(clock_timestamp(), min(coalesce(p.caught_up_at, '-infinity')))
            else '-infinity'
        end as passed_at
    from consumer_progress as p
    where p.consumer_group = $1 and p.topic = any($2::text [])
)

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
from gate as g
inner join parked as p on p.until < g.passed_at
order by p.until, p.arrival
limit $3
