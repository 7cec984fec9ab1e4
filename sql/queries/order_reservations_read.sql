-- What these orders hold. Parameters: $1 order numbers. Locks: none (orders and items are locked).
select r.order_no, r.line_no, r.level_no, r.quantity
from unnest($1::bigint []) as u (order_no)
inner join reservation as r on r.order_no = u.order_no
order by r.order_no, r.line_no, r.level_no
