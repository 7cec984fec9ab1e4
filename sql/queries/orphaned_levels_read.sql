-- Levels with reservations that belong to no order line. Parameters: $1 how many at the most. Locks: none.
select distinct i.inventory_item_id, l.location_id
from reservation as r
inner join level as v on v.level_no = r.level_no
inner join inventory_item as i on i.item_no = v.item_no
inner join location as l on l.location_no = v.location_no
where not exists (select from order_line as n where n.order_no = r.order_no and n.line_no = r.line_no)
order by i.inventory_item_id, l.location_id
limit $1
