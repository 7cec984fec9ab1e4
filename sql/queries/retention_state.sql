-- What retention has to do with: how far it got, the oldest of each kind, and the months in the archives.
-- Parameters: none. Locks: none.
select
    r.inbox_horizon,
    r.announced_at,
    (select b.at from batch as b order by b.batch_id limit 1) as oldest_answer,
    (select count(*) from event) as inbox_events,
    (select count(*) from movement) as movements,
    (select count(*) from orders) as orders,
    (select min(o.touched) from orders as o)::text as oldest_order_touched,
    array(
        select c.relname::text
        from pg_inherits as n
        inner join pg_class as c on c.oid = n.inhrelid
        where n.inhparent in (
            'event_archive'::regclass, 'batch_archive'::regclass, 'movement_archive'::regclass,
            'order_archive'::regclass
        )
        order by c.relname
    ) as archives
from retention as r
