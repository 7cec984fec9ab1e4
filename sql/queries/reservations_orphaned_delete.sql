-- Remove reservations of these levels that belong to no order line, and holds of no cart.
-- Parameters: $1 level numbers.
-- Locks: the rows (guarded by the items). Reads the whole table: for repairs only.
with holds as (
    delete from hold as h
    where h.level_no = any($1::int []) and not exists (select from cart as c where c.cart_no = h.cart_no)
)

delete from reservation as r
where r.level_no = any($1::int [])
    and not exists (
        select from order_line as l where l.order_no = r.order_no and l.line_no = r.line_no
    )
