-- What was held for these carts. Parameters: $1 cart numbers. Locks: their rows (the carts are locked).
delete from hold as h
where h.cart_no = any($1::bigint [])
