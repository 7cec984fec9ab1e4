-- All parked events, in order of arrival. Parameters: none. Locks: none.
select
    p.event_id,
    s.source,
    t.type,
    p.waits_kind,
    p.waits_key,
    o.order_id,
    p.until,
    p.parked_at
from parked as p
inner join source as s on s.source_no = p.source_no
left join event as e on e.event_id = p.event_id and e.source_no = p.source_no
left join event_type as t on t.type_no = e.type
left join orders as o on o.order_no = p.order_no
order by p.arrival
