-- The numbers of levels named by their texts. Parameters: $1 item ids, $2 location ids. Locks: none.
select l.level_no, u.item_id, u.location_id
from unnest($1::text [], $2::text []) as u (item_id, location_id)
inner join inventory_item as i on i.inventory_item_id = u.item_id
inner join location as o on o.location_id = u.location_id
inner join level as l on l.item_no = i.item_no and l.location_no = o.location_no
