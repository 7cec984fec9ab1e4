-- All reservations of these levels, newest order last, then what is held for carts. Parameters: $1 level numbers.
-- Locks: none (the items are locked). Only for counts that leave a level oversold.
select r.level_no, r.order_no, r.line_no, o.order_id, l.line_item_id, r.quantity, null as cart_id
from level_reservations_v1($1::int []) as r
inner join orders as o on o.order_no = r.order_no
inner join order_line as l on l.order_no = r.order_no and l.line_no = r.line_no
union all
select h.level_no, null as order_no, null as line_no, null as order_id, h.line_item_id, h.quantity, c.cart_id
from hold as h
inner join cart as c on c.cart_no = h.cart_no
where h.level_no = any($1::int [])
order by level_no, order_no nulls last, line_no, cart_id, line_item_id
