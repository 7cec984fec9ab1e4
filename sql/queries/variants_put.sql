-- Make variants what their catalogue event says. Parameters: $1 JSON array of rows, $2 the catalogue version.
-- Locks: the variant rows (locked already).
update variant as v
set
    known = true,
    sku = u.sku,
    title = coalesce(u.title, case when u.deleted then v.title end),
    deleted = u.deleted,
    allow_backorder = u.allow_backorder,
    backorder_limit = u.backorder_limit,
    ship_date = u.ship_date,
    recipe_no = u.recipe_no,
    content_hash = decode(u.content_hash, 'hex'),
    guard_version = u.guard_version,
    guard_source = u.guard_source,
    guard_time = u.guard_time,
    catalogue_version = $2
from jsonb_to_recordset($1::jsonb) as u (
    variant_no int, sku text, title text, allow_backorder boolean, backorder_limit bigint, ship_date date,
    recipe_no int, content_hash text, deleted boolean, guard_version bigint, guard_source text, guard_time timestamptz
)
where v.variant_no = u.variant_no
