-- Another quantity is ordered of these lines. Parameters: $1 order numbers, $2 line numbers, $3 quantities in
-- millionths. Locks: the rows (guarded by the order).
update order_line as l
set quantity_micro = u.quantity_micro
from unnest($1::bigint [], $2::smallint [], $3::bigint []) as u (order_no, line_no, quantity_micro)
where l.order_no = u.order_no and l.line_no = u.line_no
