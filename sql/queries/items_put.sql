-- Make items what their catalogue event says. Parameters: $1 JSON array of rows, $2 the catalogue version.
-- Locks: the item rows (locked already).
update inventory_item as i
set
    known = true,
    sku = u.sku,
    title = u.title,
    description = u.description,
    thumbnail = u.thumbnail,
    origin_country = u.origin_country,
    hs_code = u.hs_code,
    mid_code = u.mid_code,
    material = u.material,
    weight = u.weight,
    length = u.length,
    height = u.height,
    width = u.width,
    requires_shipping = u.requires_shipping,
    unit_of_measure = u.unit_of_measure,
    metadata = u.metadata,
    decimal_places = u.decimal_places,
    low_stock_threshold = u.low_stock_threshold,
    catalogue_version = $2
from jsonb_to_recordset($1::jsonb) as u (
    item_no int, sku text, title text, description text, thumbnail text, origin_country text, hs_code text,
    mid_code text, material text, weight numeric, length numeric, height numeric, width numeric,
    requires_shipping boolean, unit_of_measure text, metadata jsonb, decimal_places smallint,
    low_stock_threshold bigint
)
where i.item_no = u.item_no
