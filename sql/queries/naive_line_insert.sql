-- Bench's naive worker: one order line. Parameters: $1 order, $2 line number, $3 line item id, $4 variant,
-- $5 recipe, $6 millionths of a unit. Locks: none beyond the row.
insert into order_line (order_no, line_no, line_item_id, variant_no, recipe_no, quantity_micro)
values ($1, $2, $3, $4, $5, $6)
