-- What the rows of these orders say. Parameters: $1 order numbers. Locks: none (they are locked).
select
    o.order_no,
    o.placement_hash,
    o.sales_channel_id,
    o.strategy,
    o.cart_id,
    o.canceled,
    o.canceled_line_ids,
    o.version,
    o.edited,
    o.policy,
    o.destination_latitude,
    o.destination_longitude,
    o.ship_date
from unnest($1::bigint []) as u (order_no)
inner join orders as o on o.order_no = u.order_no
