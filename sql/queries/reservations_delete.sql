-- Remove reservations that are consumed or moved away. Parameters: $1 order numbers, $2 line numbers,
-- $3 level numbers. Locks: the rows (guarded by order and item).
delete from reservation as r
using unnest($1::bigint [], $2::smallint [], $3::int []) as u (order_no, line_no, level_no)
where r.order_no = u.order_no and r.line_no = u.line_no and r.level_no = u.level_no
