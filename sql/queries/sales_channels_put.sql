-- Make sales channels what their event says. Parameters: $1 JSON array of rows, $2 the catalogue version.
-- Locks: the sales channel rows (locked already).
update sales_channel as c
set
    known = true,
    location_ids = u.location_ids,
    safety_stock_micro = u.safety_stock_micro,
    low_stock_micro = u.low_stock_micro,
    guard_version = u.guard_version,
    guard_source = u.guard_source,
    guard_time = u.guard_time,
    catalogue_version = $2
from jsonb_to_recordset($1::jsonb) as u (
    channel_no int, location_ids text [], safety_stock_micro bigint, low_stock_micro bigint,
    guard_version bigint, guard_source text, guard_time timestamptz
)
where c.channel_no = u.channel_no
