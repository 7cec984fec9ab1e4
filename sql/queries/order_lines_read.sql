-- The frozen lines of these orders. Parameters: $1 order numbers. Locks: none (the orders are locked).
select
    l.order_no,
    l.line_no,
    l.line_item_id,
    v.variant_id,
    l.variant_no,
    l.recipe_no,
    l.quantity_micro
from order_line as l
inner join variant as v on v.variant_no = l.variant_no
where l.order_no = any($1::bigint [])
order by l.order_no, l.line_no
