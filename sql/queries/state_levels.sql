-- All levels as they stand, in units; one at a deleted location while anything but 0 is in it.
-- Parameters: none. Locks: none.
select
    v.inventory_item_id,
    v.sku,
    v.location_id,
    v.stocked,
    v.reserved,
    v.incoming,
    v.damaged,
    v.quarantined,
    v.shortfall,
    v.available,
    v.level_version
from v_level as v
inner join location as l on l.location_id = v.location_id
where not l.deleted
    or (v.stocked, v.reserved, v.incoming, v.damaged, v.quarantined, v.shortfall) <> (0, 0, 0, 0, 0, 0)
order by v.inventory_item_id, v.location_id
