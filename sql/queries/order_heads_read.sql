-- What the rows of these orders say. Parameters: $1 order numbers. Locks: none (they are locked).
select o.order_no, o.placement_hash, o.sales_channel_id, o.strategy, o.cart_id from orders as o
where o.order_no = any($1::bigint [])
