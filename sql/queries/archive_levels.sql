-- Those of the levels told by a batch whose names lead to no movement that it can have told.
-- Parameters: $1 item ids, $2 location ids, $3 level versions, $4 batch id. Locks: none.
select u.inventory_item_id, u.location_id, u.version as level_version
from unnest($1::text [], $2::text [], $3::bigint []) as u (inventory_item_id, location_id, version)
left join inventory_item as i on i.inventory_item_id = u.inventory_item_id
left join location as l on l.location_id = u.location_id
left join level as v on v.item_no = i.item_no and v.location_no = l.location_no
left join movement as m on m.level_no = v.level_no and m.version = u.version
left join ledger_gap as g on g.level_no = v.level_no and g.version = u.version
left join ledger_opening as p on p.level_no = v.level_no
where (m.event_seq is null or m.event_seq / 8192 > $4) and g.version is null
    and u.version > coalesce(p.version, 0)
