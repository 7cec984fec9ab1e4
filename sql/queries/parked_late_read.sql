-- What events wait for whose deadlines have come near since the last look, what most wait for first.
-- Parameters: $1 up to which deadlines the last look went (null: none yet), $2 how long before its end a deadline is
-- near, $3 a moment to take for the present instead of the clock (null: the clock), $4 how many at the most.
-- Locks: none.
with present as (select coalesce($3::timestamptz, clock_timestamp()) + $2::interval as near)

select
    n.near,
    w.waits_kind,
    w.waits_key,
    w.events,
    w.ends_at
from present as n
left join lateral (
    select
        p.waits_kind,
        p.waits_key,
        count(*) as events,
        min(p.until) as ends_at
    from parked as p
    where p.until > coalesce($1::timestamptz, '-infinity') and p.until <= n.near
    group by p.waits_kind, p.waits_key
    order by count(*) desc, min(p.until)
    limit $4
) as w on true
order by w.events desc, w.ends_at
