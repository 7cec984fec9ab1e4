-- Known items by id or by sku. Parameters: $1 item ids, $2 skus. Locks: none.
select
    i.item_no,
    i.inventory_item_id,
    i.sku,
    i.decimal_places,
    i.low_stock_threshold
from inventory_item as i
where
    i.known
    and (i.inventory_item_id = any($1::text []) or i.sku = any($2::text []))
