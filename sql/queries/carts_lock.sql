-- Lock the carts that get, keep or lose a hold, made where absent. Parameters: $1 cart ids, sorted.
-- Locks: cart rows by cart_id (upsert), before transfers, orders and items.
insert into cart as c (cart_id)
select u.cart_id
from unnest($1::text []) as u (cart_id)
order by u.cart_id collate "C"
on conflict (cart_id) do update set touched = excluded.touched
returning c.cart_no, c.cart_id, c.generation, c.expires_at, c.order_id, c.sales_channel_id
