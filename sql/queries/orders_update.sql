-- Rewrite order rows that say something else than when the row was made: another placement was applied, events
-- were released, the order was edited, it or lines of it were canceled.
-- Parameters: $1 order numbers, $2 revisions, $3 placement hashes, $4 channels, $5 strategies, $6 carts,
-- $7 whether canceled, $8 ids of canceled lines, each a JSON array (null = none), $9 the
-- producers' versions, $10 whether edited, $11 policies, $12 and $13 where they are sent, $14 ship dates.
-- Locks: order rows (locked already).
update orders as o
set
    revision = u.revision,
    placement_hash = u.placement_hash,
    sales_channel_id = u.sales_channel_id,
    strategy = u.strategy,
    cart_id = u.cart_id,
    canceled = u.canceled,
    canceled_line_ids = case
        when u.canceled_line_ids is not null then array(select jsonb_array_elements_text(u.canceled_line_ids))
    end,
    version = u.version,
    edited = u.edited,
    policy = u.policy,
    destination_latitude = u.latitude,
    destination_longitude = u.longitude,
    ship_date = u.ship_date
from unnest($1::bigint [], $2::int [], $3::bytea [], $4::text [], $5::smallint [], $6::text [], $7::boolean [],
    $8::jsonb [], $9::bigint [], $10::boolean [], $11::smallint [], $12::double precision [], $13::double precision [], $14::date [])
    as u (order_no, revision, placement_hash, sales_channel_id, strategy, cart_id, canceled, canceled_line_ids,
        version, edited, policy, latitude, longitude, ship_date)
where o.order_no = u.order_no
