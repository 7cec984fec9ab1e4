-- Levels with reservations that belong to no order line, or holds of no cart. Parameters: $1 how many at the most. Locks: none.
select distinct i.inventory_item_id, l.location_id
from (
    select n.level_no from reservation as n
    where not exists (select from order_line as o where o.order_no = n.order_no and o.line_no = n.line_no)
    union all
    select n.level_no from hold as n
    where not exists (select from cart as c where c.cart_no = n.cart_no)
) as r
inner join level as v on v.level_no = r.level_no
inner join inventory_item as i on i.item_no = v.item_no
inner join location as l on l.location_no = v.location_no
order by i.inventory_item_id, l.location_id
limit $1
