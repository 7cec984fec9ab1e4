-- All levels in the columns of `stock import`; one at a deleted location while anything but 0 is in it.
-- Parameters: none. Locks: none.
select
    v.inventory_item_id,
    v.sku,
    v.location_id,
    v.stocked,
    v.incoming,
    v.damaged,
    v.quarantined,
    units(l.low_stock_threshold, v.decimal_places) as low_stock_threshold,
    units(l.safety_stock, v.decimal_places) as safety_stock,
    units(l.backorder_limit, v.decimal_places) as backorder_limit
from v_level as v
inner join level as l on l.level_no = v.level_no
inner join inventory_item as i on i.item_no = l.item_no
inner join location as p on p.location_no = l.location_no
where i.known
    and (not p.deleted or (v.stocked, v.incoming, v.damaged, v.quarantined) <> (0, 0, 0, 0))
order by v.inventory_item_id, v.location_id
