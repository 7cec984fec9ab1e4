-- These items, known or only made. `gone` are those that went with their variants: they have levels.
-- Parameters: $1 item ids. Locks: none.
select
    i.item_no,
    i.inventory_item_id,
    i.sku,
    i.decimal_places,
    i.low_stock_threshold,
    not i.known and exists (select from level as l where l.item_no = i.item_no) as gone
from unnest($1::text []) as u (inventory_item_id)
inner join inventory_item as i on i.inventory_item_id = u.inventory_item_id
