-- Bench's naive worker: make an order's row. Parameters: $1 order id, $2 placement hash (null: refused),
-- $3 sales channel id. Locks: its row.
insert into orders (order_id, revision, placement_hash, sales_channel_id)
values ($1, 1, $2, $3)
returning order_no
