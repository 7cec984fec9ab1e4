-- What left which level with the fulfilments of these orders.
-- Parameters: $1 order numbers. Locks: none (the orders are locked).
select p.order_no, p.fulfillment_no, p.line_no, p.level_no, p.quantity
from unnest($1::bigint []) as u (order_no)
inner join fulfillment_part as p on p.order_no = u.order_no
order by p.order_no, p.fulfillment_no, p.part_no
