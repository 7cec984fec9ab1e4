-- Remove reservations of these levels that belong to no order line. Parameters: $1 level numbers.
-- Locks: the rows (guarded by the items). Reads the whole table: for repairs only.
delete from reservation as r
where r.level_no = any($1::int [])
    and not exists (
        select from order_line as l where l.order_no = r.order_no and l.line_no = r.line_no
    )
