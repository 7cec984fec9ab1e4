-- The events judged in one batch, in order. Parameters: $1 batch id. Locks: none.
select e.event_id, e.source, e.type, e.order_id, e.at, n.answer % 8192 as place
from event as n
inner join v_event as e on e.event_seq = n.seq
where n.seq >= $1::bigint * 8192 and n.seq < ($1::bigint + 1) * 8192
order by n.seq
