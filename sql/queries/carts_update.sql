-- Carts as their events left them. Parameters: $1 cart numbers, $2 generations, $3 until when they hold (null:
-- nothing), $4 the orders placed of them, $5 the channels of their holds.
-- Locks: cart rows (locked already).
update cart as c
set generation = u.generation, expires_at = u.expires_at, order_id = u.order_id, sales_channel_id = u.sales_channel_id
from unnest($1::bigint [], $2::int [], $3::timestamptz [], $4::text [], $5::text [])
    as u (cart_no, generation, expires_at, order_id, sales_channel_id)
where c.cart_no = u.cart_no
