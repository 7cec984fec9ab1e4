-- What came back onto which level with the returns of these orders.
-- Parameters: $1 order numbers. Locks: none (the orders are locked).
select p.order_no, p.return_no, p.line_no, p.level_no, p.quantity, p.disposition
from unnest($1::bigint []) as u (order_no)
inner join order_return_part as p on p.order_no = u.order_no
order by p.order_no, p.return_no, p.part_no
