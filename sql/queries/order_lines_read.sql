-- The frozen lines of these orders. Parameters: $1 order numbers. Locks: none (the orders are locked).
select
    l.order_no,
    l.line_no,
    l.line_item_id,
    v.variant_id,
    l.variant_no,
    l.recipe_no,
    l.quantity_micro
from unnest($1::bigint []) as u (order_no)
inner join order_line as l on l.order_no = u.order_no
inner join variant as v on v.variant_no = l.variant_no
order by l.order_no, l.line_no
