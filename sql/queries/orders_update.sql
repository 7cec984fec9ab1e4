-- Rewrite order rows whose placement was judged after the row was made, or that had events released.
-- Parameters: $1 order numbers, $2 revisions, $3 placement hashes, $4 channels, $5 strategies, $6 carts.
-- Locks: order rows (locked already).
update orders as o
set
    revision = u.revision,
    placement_hash = u.placement_hash,
    sales_channel_id = u.sales_channel_id,
    strategy = u.strategy,
    cart_id = u.cart_id
from unnest($1::bigint [], $2::int [], $3::bytea [], $4::text [], $5::smallint [], $6::text [])
    as u (order_no, revision, placement_hash, sales_channel_id, strategy, cart_id)
where o.order_no = u.order_no
