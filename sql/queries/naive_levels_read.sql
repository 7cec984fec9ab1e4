-- Bench's naive worker: what is available of an item at a channel's locations, in the channel's order.
-- Parameters: $1 item number, $2 location numbers. Locks: none; the item is locked.
select v.level_no, l.location_id, v.stocked - v.reserved as available
from level as v
inner join location as l on l.location_no = v.location_no
where v.item_no = $1 and v.location_no = any($2::smallint [])
order by array_position($2::smallint [], v.location_no)
