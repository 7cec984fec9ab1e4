-- The policy that an order's placement names (null: none): 0 all or nothing, 1 partial, 2 backorder.

alter table orders
add column policy smallint;
