-- Levels that have moved on past the versions just published. Parameters: $1 level numbers, $2 versions.
-- Locks: none. Read after the acknowledgements: what is newer here was perhaps published before them.
select
    l.level_no,
    i.inventory_item_id,
    i.sku,
    i.decimal_places,
    o.location_id,
    l.stocked,
    l.reserved,
    l.incoming,
    l.damaged,
    l.quarantined,
    l.shortfall,
    l.version
from unnest($1::int [], $2::bigint []) as u (level_no, version)
inner join level as l on l.level_no = u.level_no and l.version > u.version
inner join inventory_item as i on i.item_no = l.item_no
inner join location as o on o.location_no = l.location_no
