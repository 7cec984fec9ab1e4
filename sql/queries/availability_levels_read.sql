-- What decides on the availability of these items, at all locations. Parameters: $1 item numbers. Locks: none.
select
    l.level_no,
    l.item_no,
    l.location_no,
    l.stocked,
    l.reserved,
    l.shortfall,
    l.safety_stock,
    l.backorder_limit
from unnest($1::int []) as u (item_no)
inner join level as l on l.item_no = u.item_no
