-- All reservations of these levels, newest order last. Parameters: $1 level numbers.
-- Locks: none (the items are locked). Only for counts that leave a level oversold.
select r.level_no, r.order_no, o.order_id, l.line_item_id, r.quantity
from level_reservations_v1($1::int []) as r
inner join orders as o on o.order_no = r.order_no
inner join order_line as l on l.order_no = r.order_no and l.line_no = r.line_no
order by r.level_no, r.order_no, r.line_no
