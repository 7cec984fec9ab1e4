-- The numbers of these items, known or only made. Parameters: $1 item ids. Locks: none.
select i.inventory_item_id, i.item_no from inventory_item as i
where i.inventory_item_id = any($1::text [])
