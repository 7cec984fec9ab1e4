-- What left which level with the fulfilments of these orders.
-- Parameters: $1 order numbers. Locks: none (the orders are locked).
select p.order_no, p.fulfillment_no, p.line_no, p.level_no, p.quantity from fulfillment_part as p
where p.order_no = any($1::bigint [])
order by p.order_no, p.fulfillment_no, p.part_no
