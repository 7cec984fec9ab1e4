-- The returns of these orders with their lines.
-- Parameters: $1 order numbers. Locks: none (the orders are locked).
select
    r.order_no,
    r.return_no,
    r.return_id,
    r.body_hash,
    array_agg(l.line_no order by l.place) as line_nos,
    array_agg(l.quantity_micro order by l.place) as quantities,
    array_agg(l.disposition order by l.place) as dispositions
from unnest($1::bigint []) as u (order_no)
inner join order_return as r on r.order_no = u.order_no
inner join order_return_line as l on l.order_no = r.order_no and l.return_no = r.return_no
group by r.order_no, r.return_no
order by r.order_no, r.return_no
