-- Known items by id or by sku. Parameters: $1 item ids, $2 skus. Locks: none.
select
    i.item_no,
    i.inventory_item_id,
    i.sku,
    i.decimal_places,
    i.low_stock_threshold
from unnest($1::text []) as u (inventory_item_id)
inner join inventory_item as i on i.inventory_item_id = u.inventory_item_id
where i.known
union
select
    i.item_no,
    i.inventory_item_id,
    i.sku,
    i.decimal_places,
    i.low_stock_threshold
from unnest($2::text []) as u (sku)
inner join inventory_item as i on i.sku = u.sku
where i.known
