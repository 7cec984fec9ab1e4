-- The fulfilments of these orders with the quantities of their lines.
-- Parameters: $1 order numbers. Locks: none (the orders are locked).
select
    f.order_no,
    f.fulfillment_no,
    f.fulfillment_id,
    f.body_hash,
    f.canceled_seq is not null as canceled,
    array_agg(l.line_no order by l.line_no) as line_nos,
    array_agg(l.quantity_micro order by l.line_no) as quantities
from unnest($1::bigint []) as u (order_no)
inner join fulfillment as f on f.order_no = u.order_no
inner join fulfillment_line as l on l.order_no = f.order_no and l.fulfillment_no = f.fulfillment_no
group by f.order_no, f.fulfillment_no
order by f.order_no, f.fulfillment_no
