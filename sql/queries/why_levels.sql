-- The levels of an item as they stand, in units. Parameters: $1 item number, $2 a location's id or null.
-- Locks: none.
select
    l.location_id,
    v.stocked,
    v.reserved,
    v.available,
    v.incoming,
    v.damaged,
    v.quarantined,
    v.shortfall,
    v.level_version
from v_level as v
inner join level as n on n.level_no = v.level_no
inner join location as l on l.location_no = n.location_no
where n.item_no = $1 and ($2::text is null or l.location_id = $2)
order by l.location_id
