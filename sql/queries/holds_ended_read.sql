-- Holds whose time is over, the longest over first.
-- Parameters: $1 consumer group, $2 its input topics, $3 how many at the most, $4 a moment to take
-- for the present instead, all being read up to it (null: the clock and the gate below). Locks: none.
-- None is over before every partition of every topic is read past its time: the order that takes it over may still
-- be unread there (parked_overdue_read has the same gate).
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

select c.cart_no, c.cart_id, c.generation, c.expires_at
from gate as g
inner join cart as c on c.expires_at < g.passed_at
order by c.expires_at
limit $3
