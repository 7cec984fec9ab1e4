-- What the inbox says of the events that a batch answered, by the places of their answers.
-- Parameters: $1 batch id. Locks: none.
select n.answer % 8192 as place, n.event_id, s.source, t.type, c.outcome, o.order_id
from event as n
left join source as s on s.source_no = n.source_no
left join event_type as t on t.type_no = n.type
left join outcome as c on c.outcome_no = n.outcome
left join orders as o on o.order_no = n.order_no
where n.seq >= $1::bigint * 8192 and n.seq < ($1::bigint + 1) * 8192
    and n.answer >= $1::bigint * 8192 and n.answer < ($1::bigint + 1) * 8192
order by n.answer
