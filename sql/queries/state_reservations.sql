-- All reservations that orders hold, in units. Parameters: none. Locks: none.
select
    r.order_id,
    r.line_item_id,
    r.inventory_item_id,
    r.location_id,
    r.quantity
from v_reservation as r
order by r.order_no, r.line_no, r.inventory_item_id, r.location_id
