-- The numbers of these items, known or only made. Parameters: $1 item ids. Locks: none.
select i.inventory_item_id, i.item_no from unnest($1::text []) as u (inventory_item_id)
inner join inventory_item as i on i.inventory_item_id = u.inventory_item_id
