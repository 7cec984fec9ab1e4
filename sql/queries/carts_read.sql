-- Carts of which something is held, as they are. Parameters: $1 cart ids. Locks: none.
select
    c.cart_no,
    c.cart_id,
    c.generation,
    c.expires_at,
    c.order_id,
    c.sales_channel_id
from unnest($1::text []) as u (cart_id)
inner join cart as c on c.cart_id = u.cart_id
where c.expires_at is not null
